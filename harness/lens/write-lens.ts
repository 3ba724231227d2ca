// The file report.html of a run: the built app, the verdict as plain HTML, and the log's columns; a pure reading of the run folder.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { TokenHighlights } from '../gate/token-highlights.ts';
import type { RunRecord } from '../record/run-record.ts';
import { sequenceId } from '../record/token-record.ts';
import { LENS_FILE } from '../report/lens-link.ts';
import { type CollectedRun, collectRun } from './collect-run.ts';
import { type Html, html, scriptJson } from './html.ts';
import { LENS_FORMAT, type LensHead, type PageHead, type SequenceHead } from './lens-format.ts';
import { packBlock } from './pack-block.ts';
import type { PackedPage, SequenceColumns } from './sequence-columns.ts';
import { STATUS_WORDS, verdictPage } from './verdict-page.ts';

/** Files of a run folder, by path. */
export type LensFiles = Readonly<Record<string, string>>;

/** Pages that the report itself holds, as base64; the others lie beside it. With the rest it stays below 14 MB. */
const PAGE_BYTES_MAX = 9_000_000;
/** Pages of one script beside the report. */
const PAGES_PER_FILE = 16;

/** Made by `npm run build` beside its sources, and copied into dist. */
const APP = new URL('../viewer/built/lens.html', import.meta.url);

export interface LensOptions {
  /** Smaller than the default in tests of side files. */
  readonly pageBytesMax?: number;
}

/** @param folder - the run's, whose log is read once more. */
export function writeLens(
  run: RunRecord,
  highlights: TokenHighlights,
  folder: string,
  { pageBytesMax = PAGE_BYTES_MAX }: LensOptions = {},
): LensFiles {
  const collected = collectRun(folder, run.config.pccMinimum);
  const blocks: Block[] = [];
  const side: SidePages = { budget: pageBytesMax, files: [] };
  const head = headOf(run, collected, blocks, side);
  const title = `${STATUS_WORDS[run.verdict.status]} · ${run.runId} · qwen-pcc`;
  const page = fillApp({
    title,
    body: verdictPage(run, highlights, collected.shifted),
    data: [
      `<script type="application/json" id="qp-head">${scriptJson(head)}</script>`,
      ...blocks.map(({ id, text }) => `<script type="application/octet-stream" id="${id}">${text}</script>`),
    ],
    hasSideFiles: side.files.length > 0,
  });
  return {
    [LENS_FILE]: page,
    ...Object.fromEntries(side.files.map(({ name, calls }) => [name, `${calls.join('\n')}\n`])),
  };
}

interface Block {
  readonly id: string;
  readonly text: string;
}

interface SidePages {
  budget: number;
  readonly files: { readonly name: string; readonly calls: string[] }[];
}

function headOf(run: RunRecord, collected: CollectedRun, blocks: Block[], side: SidePages): LensHead {
  const known = knownSequences(run, collected);
  const overview: Record<'status' | 'pcc' | 'kl', number[]> = { status: [], pcc: [], kl: [] };
  const sequences = known.map(({ columns, ...head }, s): Omit<SequenceHead, 'pages'> & { pages: PageHead[] } => {
    const spine = `s${s}`;
    blocks.push({ id: spine, text: columns.finish() });
    for (const name of ['status', 'pcc', 'kl'] as const) for (const v of columns.overview[name]) overview[name].push(v);
    return { ...head, tokens: columns.tokens, failing: columns.failing, spine, pages: [] };
  });
  placePages(
    known.map(({ columns }) => columns.pages),
    sequences.map(({ pages }) => pages),
    blocks,
    side,
  );
  const cases = run.cases.map((one, c) => {
    const texts = [...(collected.texts.get(one.name) ?? [])].sort(([a], [b]) => a - b);
    const id = `v${c}`;
    blocks.push({
      id,
      text: packBlock(
        { id: Int32Array.from(texts, ([token]) => token) },
        texts.map(([, text]) => text),
      ),
    });
    return {
      name: one.name,
      model: one.model,
      reference: one.reference?.label ?? one.model,
      variants: one.variants.map(({ name, source, vocabSize }) => ({
        name,
        label: source?.label ?? name,
        logitsFormat: source?.logitsFormat ?? '',
        vocabSize: vocabSize ?? 0,
      })),
      texts: id,
    };
  });
  blocks.push({
    id: 'overview',
    text: packBlock({
      status: Uint8Array.from(overview.status),
      pcc: Uint8Array.from(overview.pcc),
      kl: Uint8Array.from(overview.kl),
    }),
  });
  return {
    format: LENS_FORMAT,
    runId: run.runId,
    status: run.verdict.status,
    headline: run.verdict.headline,
    command: run.command,
    folder: `reports/${run.runId}`,
    semantics: run.config.pccSemantics,
    limits: run.gate.rules.flatMap((rule) =>
      rule.scope === 'token' ? [{ rule: rule.id, metric: rule.metric, threshold: rule.threshold }] : [],
    ),
    cases,
    sequences,
    overview: 'overview',
  };
}

type KnownSequence = Omit<SequenceHead, 'tokens' | 'failing' | 'spine' | 'pages'> & {
  readonly columns: SequenceColumns;
};

/** Those with tokens, in the order of the plan: by case and prompt, its variants together. */
function knownSequences(run: RunRecord, { sequences }: CollectedRun): KnownSequence[] {
  return run.cases.flatMap((one, c) =>
    (one.variants[0]?.prompts ?? []).flatMap((_, p) =>
      one.variants.flatMap((variant) => {
        const prompt = variant.prompts[p]!;
        const columns = sequences.get(
          sequenceId({ case: one.name, variant: variant.name, prompt: prompt.name, user: prompt.user }),
        );
        if (columns === undefined) return [];
        const { name, user, promptLength, outcome, summary } = prompt;
        return [
          {
            ...{ case: c, variant: variant.name, prompt: name, user, promptLength, outcome, columns },
            pccMin: summary?.pcc?.min ?? null,
            klMean: summary?.klNats?.mean ?? null,
          },
        ];
      }),
    ),
  );
}

/** Pages with failing tokens come first into the file, then the others in order; what has no room lies beside it. */
function placePages(
  packed: readonly (readonly PackedPage[])[],
  heads: readonly PageHead[][],
  blocks: Block[],
  side: SidePages,
): void {
  const all = packed.flatMap((pages, s) => pages.map((page, p) => ({ page, s, p })));
  const inFile = new Set<PackedPage>();
  for (const wanted of [true, false]) {
    for (const { page } of all) {
      if (page.hasFailing !== wanted || page.text.length > side.budget) continue;
      side.budget -= page.text.length;
      inFile.add(page);
    }
  }
  for (const { page, s, p } of all) {
    const id = `t${s}.${p}`;
    const head = { id, from: page.from, to: page.to };
    if (inFile.has(page)) {
      blocks.push({ id, text: page.text });
      heads[s]!.push(head);
      continue;
    }
    let file = side.files.at(-1);
    if (file === undefined || file.calls.length === PAGES_PER_FILE) {
      file = { name: `report-data/${side.files.length}.js`, calls: [] };
      side.files.push(file);
    }
    file.calls.push(`qpPage(${JSON.stringify(id)},${JSON.stringify(page.text)})`);
    heads[s]!.push({ ...head, file: file.name });
  }
}

export interface AppContent {
  readonly title: string;
  readonly body: Html;
  readonly data: readonly string[];
  readonly hasSideFiles: boolean;
}

/** The built app with what a report has in the places that it left. */
export function fillApp({ title, body, data, hasSideFiles }: AppContent): string {
  const app = readFileSync(APP, 'utf8');
  const parts: Readonly<Record<string, string>> = {
    policy: policyOf(app, hasSideFiles),
    title: html`<title>${title}</title>`.text,
    body: body.text,
    data: data.join('\n'),
  };
  return app.replaceAll(/<!--qp:(\w+)-->/g, (_, name: string) => parts[name] ?? '');
}

/** Nothing is loaded from anywhere, and no script runs but the app's own; scripts beside the report only where it has them. */
function policyOf(app: string, hasSideFiles: boolean): string {
  const script = /<script type="module">([\s\S]*?)<\/script>/.exec(app)?.[1] ?? '';
  const digest = createHash('sha256').update(script).digest('base64');
  const sources = [`'sha256-${digest}'`, ...(hasSideFiles ? ["'self'", 'file:'] : [])].join(' ');
  const policy = `default-src 'none'; script-src ${sources}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'`;
  return `<meta http-equiv="Content-Security-Policy" content="${policy}">`;
}
