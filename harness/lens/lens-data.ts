// The data of a report: its head as JSON, and blocks of columns for every sequence of the run, and of another run beside it.
import type { CaseRecord, PromptRecord, RunRecord, VariantRecord } from '../record/run-record.ts';
import { type SequenceKey, sequenceId } from '../record/token-record.ts';
import type { CollectedRun } from './collect-run.ts';
import { type CaseHead, LENS_FORMAT, type LensHead, type SequenceHead, type VariantHead } from './lens-format.ts';
import { packBlock } from './pack-block.ts';
import { type Block, placePages } from './place-pages.ts';
import type { SequenceColumns } from './sequence-columns.ts';

/** A run with its tokens. */
export interface LensRun {
  readonly run: RunRecord;
  readonly collected: CollectedRun;
}

export interface LensData {
  readonly head: LensHead;
  readonly blocks: readonly Block[];
  readonly files: Readonly<Record<string, string>>;
}

/** @param beside - another run, whose variants of the same prompts stand beside this one's. */
export function lensData({ run, collected }: LensRun, beside: LensRun | undefined, pageBytesMax: number): LensData {
  const cases = run.cases.map((one) => besideCase(one, beside));
  const known = cases.flatMap((one, c) => knownSequences(one, c, collected, beside?.collected));
  const overview: Record<'status' | 'pcc' | 'kl', number[]> = { status: [], pcc: [], kl: [] };
  const blocks: Block[] = [];
  const heads = known.map(({ columns, ...head }, s) => {
    blocks.push({ id: `s${s}`, text: columns.finish() });
    for (const name of ['status', 'pcc', 'kl'] as const) for (const v of columns.overview[name]) overview[name].push(v);
    return { ...head, tokens: columns.tokens, failing: columns.failing, spine: `s${s}` };
  });
  const pages = placePages(
    known.map(({ columns }) => columns.pages),
    pageBytesMax,
  );
  blocks.push(...pages.blocks);
  for (const [c, { name }] of run.cases.entries()) blocks.push(textsBlock(`v${c}`, collected.texts.get(name)));
  blocks.push({
    id: 'overview',
    text: packBlock({
      status: Uint8Array.from(overview.status),
      pcc: Uint8Array.from(overview.pcc),
      kl: Uint8Array.from(overview.kl),
    }),
  });
  const head: LensHead = {
    format: LENS_FORMAT,
    runId: run.runId,
    status: run.verdict.status,
    headline: run.verdict.headline,
    command: run.command,
    folder: folderOf(run),
    semantics: run.config.pccSemantics,
    limits: run.gate.rules.flatMap((rule) =>
      rule.scope === 'token' ? [{ rule: rule.id, metric: rule.metric, threshold: rule.threshold }] : [],
    ),
    cases: cases.map(({ one, others }, c) => caseHead(one, others, beside?.run, `v${c}`)),
    sequences: heads.map((one, s): SequenceHead => ({ ...one, pages: pages.heads[s]! })),
    overview: 'overview',
  };
  return { head, blocks, files: pages.files };
}

function folderOf({ runId }: RunRecord): string {
  return `reports/${runId}`;
}

interface BesideCase {
  readonly one: CaseRecord;
  /** Variants of the other run's case of that name. */
  readonly others: readonly VariantRecord[];
}

function besideCase(one: CaseRecord, beside: LensRun | undefined): BesideCase {
  return { one, others: beside?.run.cases.find(({ name }) => name === one.name)?.variants ?? [] };
}

function textsBlock(id: string, texts: ReadonlyMap<number, string> = new Map()): Block {
  const sorted = [...texts].sort(([a], [b]) => a - b);
  return {
    id,
    text: packBlock(
      { id: Int32Array.from(sorted, ([token]) => token) },
      sorted.map(([, text]) => text),
    ),
  };
}

function caseHead(
  one: CaseRecord,
  others: readonly VariantRecord[],
  other: RunRecord | undefined,
  texts: string,
): CaseHead {
  const variantHead = ({ name, source, vocabSize }: VariantRecord): VariantHead => ({
    name,
    label: source?.label ?? name,
    logitsFormat: source?.logitsFormat ?? '',
    vocabSize: vocabSize ?? 0,
  });
  return {
    name: one.name,
    model: one.model,
    reference: one.reference?.label ?? one.model,
    variants: [
      ...one.variants.map(variantHead),
      ...others.map((variant) => ({
        ...variantHead(variant),
        name: nameBeside(variant, other!),
        from: { folder: folderOf(other!), variant: variant.name },
      })),
    ],
    texts,
  };
}

function nameBeside({ name }: VariantRecord, { runId }: RunRecord): string {
  return `${name} @ ${runId}`;
}

type KnownSequence = Omit<SequenceHead, 'tokens' | 'failing' | 'spine' | 'pages'> & {
  readonly columns: SequenceColumns;
};

/** Those with tokens, in the order of the plan: by prompt, its variants together, those of the other run last. */
function knownSequences(
  { one, others }: BesideCase,
  index: number,
  collected: CollectedRun,
  beside: CollectedRun | undefined,
): KnownSequence[] {
  return (one.variants[0]?.prompts ?? []).flatMap(({ name: promptName, user }) => {
    const isIt = (prompt: PromptRecord): boolean => prompt.name === promptName && prompt.user === user;
    const of = (variant: VariantRecord, from: CollectedRun, name: string): KnownSequence[] => {
      const prompt = variant.prompts.find(isIt);
      const key: SequenceKey = { case: one.name, variant: variant.name, prompt: promptName, user };
      const columns = from.sequences.get(sequenceId(key));
      if (prompt === undefined || columns === undefined) return [];
      const { promptLength, outcome, summary } = prompt;
      return [
        {
          ...{ case: index, variant: name, prompt: promptName, user, promptLength, outcome, columns },
          pccMin: summary?.pcc?.min ?? null,
          klMean: summary?.klNats?.mean ?? null,
        },
      ];
    };
    const own = one.variants.flatMap((variant) => of(variant, collected, variant.name));
    const [first] = own;
    if (first === undefined || beside === undefined) return own;
    const theirs = others.flatMap((variant) => of(variant, beside, variant.name));
    // Rows of other texts are no second opinion on these.
    return [
      ...own,
      ...theirs
        .filter(({ columns }) => columns.isOfSameText(first.columns))
        .map((sequence) => ({ ...sequence, variant: `${sequence.variant} @ ${beside.runId}` })),
    ];
  });
}
