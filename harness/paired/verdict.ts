// The word for a comparison: better, worse, equivalent or undecided, and how many tokens would decide.
import { criticalValue } from './cluster-robust.ts';
import { ALPHA, type DefinedEstimate, type PairedEstimate, type Reading } from './estimate.ts';
import type { PairedMetric } from './paired-metrics.ts';

export type VerdictWord = 'better' | 'worse' | 'equivalent' | 'undecided';

export interface PairedVerdict {
  readonly word: VerdictWord;
  /** The mean differs from 0 beyond chance; true beside `equivalent` too, if the difference is small and known well. */
  readonly differs: boolean;
  /** Holm's p of the league; null where there is no estimate. */
  readonly adjustedP: number | null;
  /** Tokens that would decide, rounded up to two digits, those judged included; null if decided or unknown. */
  readonly tokensNeeded: number | null;
  /** The same in prompts of the lengths seen; null also for a single prompt, which cannot speak for others. */
  readonly promptsNeeded: number | null;
}

/**
 * Fewer tokens decide nothing, whatever the interval says: rare large differences, of which KL is full, have not been met yet. Equivalence
 * claims their absence and so needs more.
 */
export const LEAST_TOKENS = { difference: 128, equivalence: 256 } as const;

/** More than this many times the tokens is no plan. */
const LARGEST_GROWTH = 1e6;

/**
 * The rule, in this order:
 *
 * 1. `equivalent`: the whole 95 % interval lies inside ±margin, from 256 tokens on. This is TOST with 2.5 % at each side. The usual 5 % (a
 *    90 % interval) called 4 … 10 % of skewed differences just beyond the margin equivalent; this way it is 2 … 7 %, the high end for
 *    extreme skew. A mean that differs from 0 is no contradiction: it differs by less than what was declared to matter (`differs`).
 * 2. `worse` or `better`: the whole interval lies on one side of 0, and Holm's p is at most 0.05, from 128 tokens on. Part of the interval
 *    may lie within the margin: the word says that there is a difference and that it is not known to be negligible.
 * 3. `undecided`: everything else, and whatever has no estimate.
 *
 * @param adjustedP - of `holm` over the league; 1 where there is no estimate.
 */
export function judgePaired(estimate: PairedEstimate, metric: PairedMetric, adjustedP: number): PairedVerdict {
  const none = { tokensNeeded: null, promptsNeeded: null };
  if (estimate.kind === 'undefined') return { word: 'undecided', differs: false, adjustedP: null, ...none };
  const { tokens, mean, interval } = estimate;
  const isOffZero = interval.lower > 0 || interval.upper < 0;
  const differs = isOffZero && adjustedP <= ALPHA && tokens >= LEAST_TOKENS.difference;
  const isWithin = interval.lower > -metric.margin && interval.upper < metric.margin;
  if (isWithin && tokens >= LEAST_TOKENS.equivalence) return { word: 'equivalent', differs, adjustedP, ...none };
  if (differs) {
    const isBetter = metric.betterIs === 'higher' ? mean > 0 : mean < 0;
    return { word: isBetter ? 'better' : 'worse', differs, adjustedP, ...none };
  }
  return { word: 'undecided', differs, adjustedP, ...planFor(estimate, metric, adjustedP) };
}

/** The words of a verdict for a table, such as `undecided (about 4200 tokens needed)`. */
export function verdictText(estimate: PairedEstimate, verdict: PairedVerdict, metric: PairedMetric): string {
  if (estimate.kind === 'undefined') return `${verdict.word} (${estimate.reason})`;
  const shown = `${estimate.mean < 0 ? '' : '+'}${metric.format(estimate.mean)}`;
  if (verdict.word === 'undecided') {
    return verdict.tokensNeeded === null ? verdict.word : `undecided (about ${verdict.tokensNeeded} tokens needed)`;
  }
  if (verdict.word !== 'equivalent') return `${verdict.word} (${shown})`;
  return verdict.differs ? `equivalent (differs by ${shown}, within ±${metric.format(metric.margin)})` : 'equivalent';
}

/**
 * Tokens after which the interval would be narrower than the margin. Wherever the mean is by then, the interval lies within ±margin or off 0,
 * so the plan does not lean on the mean seen, which is mostly chance as long as nothing is decided. A large difference shows earlier.
 */
function planFor(
  estimate: DefinedEstimate,
  { margin }: PairedMetric,
  adjustedP: number,
): Pick<PairedVerdict, 'tokensNeeded' | 'promptsNeeded'> {
  const alpha = adjustedP > estimate.p && estimate.p > 0 ? (ALPHA * estimate.p) / adjustedP : ALPHA;
  const widthAt = (growth: number): number =>
    reach(estimate, 'lower', alpha, growth) + reach(estimate, 'upper', alpha, growth);
  const growth = leastGrowth((tried) => widthAt(tried) < margin);
  if (!Number.isFinite(growth)) return { tokensNeeded: null, promptsNeeded: null };
  const tokens = Math.max(growth * estimate.tokens, LEAST_TOKENS.equivalence);
  return {
    tokensNeeded: roundUp(tokens),
    promptsNeeded: estimate.prompts > 1 ? roundUp((estimate.prompts * tokens) / estimate.tokens) : null,
  };
}

/** How far the interval would reach from the mean at one side with `growth` times the tokens and as many times the units. */
function reach(estimate: DefinedEstimate, side: 'lower' | 'upper', alpha: number, growth: number): number {
  const reachOf = ({ interval, degreesOfFreedom }: Reading): number =>
    (Math.abs(interval[side] - estimate.mean) * criticalValue(alpha, degreesOfFreedom * growth)) /
    (criticalValue(ALPHA, degreesOfFreedom) * Math.sqrt(growth));
  return Math.max(...estimate.readings.map(reachOf));
}

/** The least growth, 1 or more, from which on `isEnough`; infinite if none is found. */
function leastGrowth(isEnough: (growth: number) => boolean): number {
  if (isEnough(1)) return 1;
  let tooFew = 1;
  while (tooFew < LARGEST_GROWTH && !isEnough(2 * tooFew)) tooFew *= 2;
  if (tooFew >= LARGEST_GROWTH) return Number.POSITIVE_INFINITY;
  let enough = 2 * tooFew;
  while (enough / tooFew > 1.001) {
    const middle = Math.sqrt(tooFew * enough);
    if (isEnough(middle)) enough = middle;
    else tooFew = middle;
  }
  return enough;
}

/** Up to two significant digits: more would pretend. */
function roundUp(count: number): number {
  let step = 1;
  while (count / step > 99) step *= 10;
  return Math.ceil(count / step) * step;
}
