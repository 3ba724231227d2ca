// The reports that a run leaves in its folder, each a pure reading of what it found.
import type { TokenHighlights } from '../gate/token-highlights.ts';
import type { RunRecord } from '../record/run-record.ts';
import { junitXml } from '../report/junit.ts';
import { LENS_FILE } from '../report/lens-link.ts';
import { summaryMarkdown } from '../report/markdown.ts';
import { writeLens } from './write-lens.ts';

/** The text of the file of its name, or files by their paths in the folder. */
export type RunReport = (
  run: RunRecord,
  highlights: TokenHighlights,
  folder: string,
) => string | Readonly<Record<string, string>>;

/** Of a run whose report.html is written later, with more in it. */
export const TEXT_REPORTS: Readonly<Record<string, RunReport>> = {
  'junit.xml': junitXml,
  'summary.md': summaryMarkdown,
};

export const RUN_REPORTS: Readonly<Record<string, RunReport>> = { ...TEXT_REPORTS, [LENS_FILE]: writeLens };
