// A run beside its baseline: paired differences at the same tokens, a word a variant, and what does not fit; a pure function.
import { DEFAULT_RESAMPLING, type Resampling } from '../paired/bootstrap.ts';
import { ALPHA } from '../paired/estimate.ts';
import { joinedWord } from '../paired/joined-word.ts';
import { type Comparison, type JudgedComparison, judgeLeague } from '../paired/league.ts';
import { differenceOf } from '../paired/paired-difference.ts';
import { KL, LOG_KL, logKl, type PairedMetric, TOP1 } from '../paired/paired-metrics.ts';
import { verdictText } from '../paired/verdict.ts';
import type { BaselineSpec, BaselineVariant } from '../record/baseline.ts';
import type {
  BaselineDifference,
  BaselineMetric,
  BaselineReading,
  BaselineVariantReading,
  BaselineWord,
} from '../record/baseline-reading.ts';
import type { CaseEvent, PromptEvent } from '../record/events.ts';
import type { RunSpec } from '../record/run-spec.ts';
import type { SequenceKey } from '../record/token-record.ts';
import type { BaselineTokens, SequenceTokens } from './baseline-tokens.ts';
import { type FittingCase, fitPlan, misfitOfText, misfitsOfSources, settingDifferences } from './fit.ts';
import { decodeKl, NO_KL, unpackBits, unpackCodes } from './token-codes.ts';

/** What is known of a run, by case, variant and sequence. */
export interface RunBesideBaseline {
  readonly spec: RunSpec;
  /** Every prompt of the plan is in this log, ended and not failed. */
  readonly isWhole: boolean;
  readonly caseOf: (caseName: string, variant: string) => CaseEvent | undefined;
  readonly promptOf: (key: SequenceKey) => PromptEvent | undefined;
  readonly tokens: BaselineTokens;
}

/** Numbers of one variant at the same tokens, prompt after prompt. */
interface PairedVariant {
  readonly case: string;
  readonly variant: string;
  readonly lengths: readonly number[];
  readonly kl: { readonly baseline: Float64Array; readonly run: Float64Array };
  readonly top1: { readonly baseline: Uint8Array; readonly run: Uint8Array };
}

/**
 * Compares what both have judged. Every metric of every variant is one family, so that the chance of one false word in a run is at most
 * `alpha`; both sides' KL went through the same 16 bits, so that equal numbers differ by exactly 0.
 */
export function judgeBaseline(
  baseline: BaselineSpec,
  run: RunBesideBaseline,
  resampling: Resampling = DEFAULT_RESAMPLING,
): BaselineReading {
  const { runId, runAt, reason, tool } = baseline.state;
  const head = { sha256: baseline.sha256, runId, runAt, reason, version: tool.version, alpha: ALPHA };
  const { cases, misfit } = fitPlan(baseline, run.spec);
  const variants = cases.flatMap((one) => one.held.variants.map((variant) => ({ one, variant })));
  const opened = variants.flatMap(({ one, variant }) => {
    const event = run.caseOf(one.held.name, one.nameOf(variant));
    return event === undefined ? [] : [{ one, variant, event }];
  });
  const misfits = [
    ...(misfit === undefined ? [] : [misfit]),
    ...opened.flatMap(({ one, variant, event }) => misfitsOfSources(one, variant, event)),
    ...variants.flatMap(({ one, variant }) => misfitsOfTexts(one, variant, run)),
  ].filter(isFirstOfItsKind);
  const differences = opened
    .flatMap(({ variant, event }) => settingDifferences(variant, event))
    .filter(isFirstOfItsKind);
  if (misfits.length > 0) return { ...head, status: 'invalid', misfits, differences, variants: [] };
  if (!run.isWhole) return { ...head, status: 'notJudgedHere', misfits, differences, variants: [] };
  const paired = variants.map(({ one, variant }) => pairTokens(one, variant, run.tokens));
  const lost = paired.flatMap(({ lost: places }) => places);
  if (lost.length > 0) return { ...head, status: 'invalid', misfits: lost, differences, variants: [] };
  return { ...head, status: 'judged', misfits, differences, variants: readingsOf(paired, resampling) };
}

function isFirstOfItsKind(one: BaselineDifference, index: number, all: readonly BaselineDifference[]): boolean {
  return all.findIndex(({ what }) => what === one.what) === index;
}

/** Of prompts that the run has whole. */
function misfitsOfTexts(
  one: FittingCase,
  variant: BaselineVariant,
  { promptOf }: RunBesideBaseline,
): BaselineDifference[] {
  return variant.prompts.flatMap((held) => {
    const event = promptOf(keyOf(one, variant, held));
    return event === undefined || event.stop === 'failed' ? [] : (misfitOfText(held, event) ?? []);
  });
}

function keyOf(
  { held, nameOf }: FittingCase,
  variant: BaselineVariant,
  prompt: { readonly name: string; readonly user: number },
): SequenceKey {
  return { case: held.name, variant: nameOf(variant), prompt: prompt.name, user: prompt.user };
}

/** @returns also the prompts at which one side alone has numbers: a token that lost its own is no missing value. */
function pairTokens(
  one: FittingCase,
  variant: BaselineVariant,
  tokens: BaselineTokens,
): PairedVariant & { readonly lost: readonly BaselineDifference[] } {
  const lengths: number[] = [];
  const kl = { baseline: [] as number[], run: [] as number[] };
  const top1 = { baseline: [] as number[], run: [] as number[] };
  const lost: BaselineDifference[] = [];
  for (const prompt of variant.prompts) {
    const before: SequenceTokens = {
      kl: [...unpackCodes(prompt.kl)],
      top1: [...unpackBits(prompt.top1, prompt.tokens)],
    };
    const now = tokens.of(keyOf(one, variant, prompt));
    const start = kl.run.length;
    const without = { baseline: 0, run: 0 };
    for (let i = 0; i < prompt.tokens; i++) {
      const [a, b] = [before.kl[i]!, now.kl[i] ?? NO_KL];
      if ((a === NO_KL) !== (b === NO_KL)) without[a === NO_KL ? 'baseline' : 'run']++;
      if (a === NO_KL || b === NO_KL) continue;
      kl.baseline.push(decodeKl(a));
      kl.run.push(decodeKl(b));
      top1.baseline.push(before.top1[i]!);
      top1.run.push(now.top1[i]!);
    }
    if (without.baseline + without.run > 0) {
      lost.push({
        what: `tokens with numbers of ${one.held.name} › ${prompt.name}`,
        baseline: `${without.baseline} without, that the run has`,
        run: `${without.run} without, that the baseline has`,
      });
    }
    if (kl.run.length > start) lengths.push(kl.run.length - start);
  }
  return {
    case: one.held.name,
    variant: one.nameOf(variant),
    lengths,
    kl: { baseline: Float64Array.from(kl.baseline), run: Float64Array.from(kl.run) },
    top1: { baseline: Uint8Array.from(top1.baseline), run: Uint8Array.from(top1.run) },
    lost,
  };
}

const METRICS: readonly {
  readonly metric: PairedMetric;
  readonly of: (one: PairedVariant, side: 'baseline' | 'run', at: number) => number;
}[] = [
  { metric: KL, of: ({ kl }, side, at) => kl[side][at]! },
  { metric: LOG_KL, of: ({ kl }, side, at) => logKl(kl[side][at]!, KL.margin) },
  { metric: TOP1, of: ({ top1 }, side, at) => top1[side][at]! },
];

function readingsOf(all: readonly PairedVariant[], resampling: Resampling): BaselineVariantReading[] {
  const comparisons = all.flatMap((one) =>
    METRICS.map(
      ({ metric, of }): Comparison => ({
        name: one.variant,
        metric,
        sample: {
          lengths: one.lengths,
          differences: one.kl.run.map((_, at) => of(one, 'run', at) - of(one, 'baseline', at)),
        },
      }),
    ),
  );
  const judged = judgeLeague(comparisons, resampling);
  return all.map((one, i) => readingOf(one, judged.slice(i * METRICS.length, (i + 1) * METRICS.length)));
}

function readingOf(one: PairedVariant, judged: readonly JudgedComparison[]): BaselineVariantReading {
  const metrics = judged.map(differenceOf);
  // The difference of a metric without an estimate is none.
  const isSame =
    one.kl.run.length > 0 && judged.every(({ sample }) => sample.differences.every((value) => value === 0));
  const word: BaselineWord = isSame
    ? 'same'
    : joinedWord(
        judged.map(({ metric, verdict }, i) => ({
          metric: metric.name,
          word: verdict.word,
          difference: metrics[i]!.difference,
        })),
      );
  const needed = metrics.filter(({ metric }) => metric !== LOG_KL.name).map(({ tokensNeeded }) => tokensNeeded ?? 0);
  return {
    case: one.case,
    variant: one.variant,
    tokens: one.kl.run.length,
    prompts: one.lengths.length,
    word,
    text: textOf(word, judged, metrics),
    klMean: { baseline: meanOf(one.kl.baseline), run: meanOf(one.kl.run) },
    top1: { baseline: meanOf(one.top1.baseline), run: meanOf(one.top1.run) },
    tokensNeeded: word === 'undecided' && Math.max(...needed) > 0 ? Math.max(...needed) : null,
    metrics,
  };
}

/** The word, the metrics that it comes from, and the mean KL with its interval. */
function textOf(word: BaselineWord, judged: readonly JudgedComparison[], metrics: readonly BaselineMetric[]): string {
  if (word === 'same') return 'same (equal numbers at every token)';
  const signed = (value: number, format: (value: number) => string): string =>
    `${value < 0 ? '' : '+'}${format(value)}`;
  const kl = metrics.find(({ metric }) => metric === KL.name)!;
  const size =
    kl.difference === null
      ? 'mean KL: no estimate'
      : `mean KL ${signed(kl.difference, KL.format)}, 95 % ${signed(kl.lower!, KL.format)} … ${signed(kl.upper!, KL.format)}`;
  const others = judged
    .filter(
      ({ metric, verdict }) =>
        metric.name !== KL.name && verdict.word === word && word !== 'undecided' && word !== 'equivalent',
    )
    .map(({ metric, estimate, verdict }) => `${metric.name} ${verdictText(estimate, verdict, metric)}`);
  return `${word} (${[size, ...others].join('; ')})`;
}

function meanOf(values: Float64Array | Uint8Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return values.length === 0 ? Number.NaN : sum / values.length;
}
