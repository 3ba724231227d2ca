// Statistics over many tokens: the shape of a summary, no computation.
import type { Phase } from './token-record.ts';

/** n, spread and tails of one metric. Quantiles interpolate linearly between order statistics. */
export interface TokenSummary {
  /** Tokens judged, undefined and invalid ones included. */
  readonly n: number;
  /** Over tokens whose PCC exists; null if there is none. */
  readonly pcc: PccSpread | null;
  /** KL(golden || actual), nats; null if no token could be compared. */
  readonly klNats: KlSpread | null;
  /** Share of tokens where both sides choose the same token; null as above. */
  readonly top1: number | null;
  /** Share of tokens whose golden choice is among the device's best 5 (10). */
  readonly top5: number | null;
  readonly top10: number | null;
  readonly flips: { readonly real: number; readonly nearTie: number; readonly tie: number };
  /** 99th percentile of the golden token's 1-based rank on the device. */
  readonly rankP99: number | null;
  readonly maxAbs: number | null;
  /** Medians over tokens. */
  readonly gain: number | null;
  readonly offset: number | null;
  readonly nmseDb: number | null;
  /** exp(mean(log p golden - log p actual)) over the text's tokens, with its standard error: 1.02 = 2 % more perplexed. */
  readonly pplRatio: { readonly value: number; readonly se: number } | null;
}

export interface PccSpread {
  /** Tokens whose PCC does not exist; they are in `n` but in none of the numbers. */
  readonly undefinedCount: number;
  readonly min: number;
  readonly p1: number;
  readonly p5: number;
  readonly p50: number;
  readonly mean: number;
  readonly max: number;
}

export interface KlSpread {
  readonly mean: number;
  /** Standard error of the mean, tokens taken as independent; null for a single token. */
  readonly se: number | null;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** A variant's tokens, in total and by phase. */
export interface VariantSummary {
  readonly all: TokenSummary;
  readonly byPhase: Readonly<Partial<Record<Phase, TokenSummary>>>;
}

/** Quantiles of a negative control: what PCC rows of other positions reach. */
export interface ControlSpread {
  readonly n: number;
  readonly min: number;
  readonly p5: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  /** Share of them that reach the run's PCC minimum. */
  readonly reachMinimum: number;
}

/** What the device's rows reach with rows that they should not fit: whether the PCC minimum tells anything apart on this text. */
export interface ControlSummary {
  /** The device's row with golden's of the position before. */
  readonly previous: ControlSpread | null;
  /** The device's row with golden's of the position after. */
  readonly next: ControlSpread | null;
  /** The device's row with golden's first row of the prompt. */
  readonly unrelated: ControlSpread | null;
  /** null: fewer than 1 % of either kind reach the PCC minimum, or there are none. */
  readonly telling: TellingThreshold | null;
}

/** The PCC minimum that would mean something on this text. */
export interface TellingThreshold {
  /** Least of a grid that fewer than 1 % of rows one position off and of unrelated rows reach; null: there is none. */
  readonly threshold: number | null;
  /** Share of the device's own rows below it; null with it. */
  readonly ownBelow: number | null;
}
