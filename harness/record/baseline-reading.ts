// What a run says beside its baseline: a word a variant, and what does not fit; types and schema of run.json.
import { z } from 'zod';
import { RealNumberSchema } from './real-number.ts';

export const BASELINE_WORDS = ['same', 'equivalent', 'better', 'worse', 'undecided'] as const;
/** same: every stored number of every token is equal; the others as docs/compare.md has them. */
export type BaselineWord = (typeof BASELINE_WORDS)[number];

/** Something that is not as it was. */
export interface BaselineDifference {
  readonly what: string;
  readonly baseline: string;
  readonly run: string;
}

/** One metric of a variant: run minus baseline, mean over tokens, with its 95 % interval; null without an estimate. */
export interface BaselineMetric {
  readonly metric: string;
  readonly difference: number | null;
  readonly lower: number | null;
  readonly upper: number | null;
  /** By Holm, over all metrics of all variants. */
  readonly adjustedP: number | null;
  readonly word: string;
  readonly tokensNeeded: number | null;
}

export interface BaselineVariantReading {
  readonly case: string;
  readonly variant: string;
  readonly tokens: number;
  readonly prompts: number;
  readonly word: BaselineWord;
  /** The word with its reason. */
  readonly text: string;
  /** Means over the paired tokens, as the codes have them. */
  readonly klMean: { readonly baseline: number; readonly run: number };
  readonly top1: { readonly baseline: number; readonly run: number };
  /** Tokens that would decide; null if decided or unknown. */
  readonly tokensNeeded: number | null;
  readonly metrics: readonly BaselineMetric[];
}

export interface BaselineReading {
  /** Of the baseline, as the run's spec has it. */
  readonly sha256: string;
  readonly runId: string;
  /** ISO 8601, UTC. */
  readonly runAt: string;
  readonly reason: string;
  readonly version: string;
  /** Two-sided error of all words together. */
  readonly alpha: number;
  /** invalid: the run is not the baseline's; notJudgedHere: tokens are missing, or lie in several logs. */
  readonly status: 'judged' | 'invalid' | 'notJudgedHere';
  /** What must be the same and is not. */
  readonly misfits: readonly BaselineDifference[];
  /** What may be another, and is. */
  readonly differences: readonly BaselineDifference[];
  readonly variants: readonly BaselineVariantReading[];
}

const count = z.int().min(0);
const real = RealNumberSchema;
const differences = z.array(z.strictObject({ what: z.string(), baseline: z.string(), run: z.string() }));
const means = z.strictObject({ baseline: real, run: real });

/** Field order here is the key order of run.json. */
export const BaselineReadingSchema: z.ZodType<BaselineReading, unknown> = z.strictObject({
  sha256: z.string(),
  runId: z.string(),
  runAt: z.iso.datetime(),
  reason: z.string(),
  version: z.string(),
  alpha: z.number(),
  status: z.enum(['judged', 'invalid', 'notJudgedHere']),
  misfits: differences,
  differences,
  variants: z.array(
    z.strictObject({
      case: z.string(),
      variant: z.string(),
      tokens: count,
      prompts: count,
      word: z.enum(BASELINE_WORDS),
      text: z.string(),
      klMean: means,
      top1: means,
      tokensNeeded: count.nullable(),
      metrics: z.array(
        z.strictObject({
          metric: z.string(),
          difference: real.nullable(),
          lower: real.nullable(),
          upper: real.nullable(),
          adjustedP: real.nullable(),
          word: z.string(),
          tokensNeeded: count.nullable(),
        }),
      ),
    }),
  ),
});
