// The file report.html of a run: the built app, the verdict as plain HTML, and the log's columns; a pure reading of the run folder.
import type { CompareRecord } from '../compare/league/compare-record.ts';
import type { TokenHighlights } from '../gate/token-highlights.ts';
import type { HistoryRecord } from '../history/history-record.ts';
import type { RunRecord } from '../record/run-record.ts';
import { LENS_FILE } from '../report/lens-link.ts';
import { fillApp } from './app-page.ts';
import { type CollectedRun, collectRun } from './collect-run.ts';
import { comparisonPage } from './comparison/comparison-page.ts';
import { readComparison } from './comparison/read-comparison.ts';
import { historySection } from './history/history-section.ts';
import { readHistory } from './history/read-history.ts';
import { html, scriptJson } from './html.ts';
import { type LensRun, lensData } from './lens-data.ts';
import { STATUS_WORDS, verdictPage } from './verdict-page.ts';

/** Files of a run folder, by path. */
export type LensFiles = Readonly<Record<string, string>>;

/** Pages that the report itself holds, as base64; the others lie beside it. With the rest it stays below 14 MB. */
const PAGE_BYTES_MAX = 11_000_000;

export interface LensOptions {
  /** Smaller than the default in tests of side files. */
  readonly pageBytesMax?: number;
  /** Another run of the same prompts, for the difference of two. */
  readonly beside?: LensRun;
  /** The league of this run, whose page comes first. */
  readonly comparison?: CompareRecord;
  /** This run among others, in the page of its verdict. */
  readonly history?: HistoryRecord;
}

/** @param folder - the run's, whose log is read once more, and its league and history if it has them. */
export function writeLens(
  run: RunRecord,
  highlights: TokenHighlights,
  folder: string,
  options: LensOptions = {},
): LensFiles {
  const comparison = readComparison(folder, run.runId);
  const history = readHistory(folder, run.runId);
  const given = {
    ...(comparison === undefined ? {} : { comparison }),
    ...(history === undefined ? {} : { history }),
    ...options,
  };
  return composeLens(run, highlights, collectRun(folder, run), given);
}

export function composeLens(
  run: RunRecord,
  highlights: TokenHighlights,
  collected: CollectedRun,
  { pageBytesMax = PAGE_BYTES_MAX, beside, comparison, history }: LensOptions = {},
): LensFiles {
  const { head, blocks, files } = lensData({ run, collected }, beside, pageBytesMax);
  const verdict = verdictPage(
    run,
    highlights,
    collected,
    history === undefined ? null : historySection(history, run.runId),
  );
  const page = fillApp({
    title: `${comparison === undefined ? STATUS_WORDS[run.verdict.status] : 'Comparison'} · ${run.runId} · qwen-pcc`,
    body:
      comparison === undefined
        ? verdict
        : html`${comparisonPage(comparison, run, collected)}
${verdict}`,
    data: [
      `<script type="application/json" id="qp-head">${scriptJson(head)}</script>`,
      ...blocks.map(({ id, text }) => `<script type="application/octet-stream" id="${id}">${text}</script>`),
    ],
    hasSideFiles: Object.keys(files).length > 0,
  });
  return { [LENS_FILE]: page, ...files };
}
