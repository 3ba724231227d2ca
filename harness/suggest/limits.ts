// Limits from stated error rates: how far an honest device may be from what it was measured at, and how bad a device must be to be caught.
// Source of the exact limits of shares: Clopper and Pearson, "The use of confidence or fiducial limits" (1934), as beta quantiles.
import betaQuantile from '@stdlib/stats/base/dists/beta/quantile/lib/index.js';
import binomialCdf from '@stdlib/stats/base/dists/binomial/cdf/lib/index.js';
import tQuantile from '@stdlib/stats/base/dists/t/quantile/lib/index.js';

export interface ErrorRates {
  /** How often an honest run of as many tokens breaks the rule, at most. */
  readonly alpha: number;
  /** How often a device at `detects` keeps it, at most. */
  readonly beta: number;
  /** Of the measured floor: the limit is at least this many times it. */
  readonly multiple: number;
}

/** A limit on something that is the better the smaller it is. */
export interface SuggestedLimit {
  readonly limit: number;
  /** Value of a device that breaks it with probability 1 - beta in as many tokens; null: no such value. */
  readonly detects: number | null;
  /** Tokens from which on an honest run keeps the limit with probability 1 - alpha. */
  readonly sampleMinimum: number;
  /** Tokens in which a device at `DETECT` times the measured value is caught with probability 1 - beta; null: more than a million. */
  readonly tokensNeeded: number | null;
}

/** A device this many times as bad as measured is what a sample size is said for. */
export const DETECT = 3;
/** Fewer are too few for a rule over many tokens. */
const LEAST_SAMPLE = 30;
const TOKENS_MAX = 1_000_000;

/** A statistic of many tokens that scatters in proportion to itself: a mean, a quantile. */
export interface MeasuredScale {
  readonly value: number;
  /** Of `value`, between units of text that count as independent. */
  readonly standardError: number;
  readonly degreesOfFreedom: number;
  readonly tokens: number;
  /** What the multiple is taken of. */
  readonly floor: number;
}

/**
 * The limit of a mean or quantile: the multiple of the floor, or what a second run of as many tokens exceeds with probability alpha if
 * that is more. The second run scatters as much as the first, hence the root of 2.
 */
export function limitOfScale(
  { value, standardError, degreesOfFreedom, tokens, floor }: MeasuredScale,
  rates: ErrorRates,
): SuggestedLimit {
  const reach = (share: number, n: number): number => {
    const freedom = Math.max(1, (degreesOfFreedom * n) / tokens);
    return tQuantile(1 - share, freedom) * standardError * Math.sqrt(tokens / n);
  };
  const honestUpTo = (n: number): number => value + Math.hypot(reach(rates.alpha, tokens), reach(rates.alpha, n));
  const limitAt = (n: number): number => Math.max(rates.multiple * floor, honestUpTo(n));
  const detectsAt = (n: number, limit: number): number | null => {
    const share = value === 0 ? 1 : 1 - reach(rates.beta, n) / value;
    return share <= 0 ? null : limit / share;
  };
  const limit = limitAt(tokens);
  return {
    limit,
    detects: detectsAt(tokens, limit),
    sampleMinimum: leastSample(tokens, (n) => honestUpTo(n) <= limit),
    tokensNeeded: leastTokens((n) => (detectsAt(n, limitAt(n)) ?? Number.POSITIVE_INFINITY) <= DETECT * value),
  };
}

/** A share of tokens, those of a kind that an honest device has few of. */
export interface MeasuredShare {
  /** A mean over runs need not be whole. */
  readonly hits: number;
  readonly tokens: number;
  /** How many tokens say as much as one independent one; at least 1. */
  readonly designEffect: number;
  /** What the multiple is taken of. */
  readonly floor: number;
}

/**
 * The limit of a share: half of alpha for the share being higher than measured, half for the run's own luck, both exact; tokens are
 * counted as the fewer independent ones that they are worth.
 */
export function limitOfShare({ hits, tokens, designEffect, floor }: MeasuredShare, rates: ErrorRates): SuggestedLimit {
  const independent = (n: number): number => Math.max(1, Math.floor(n / designEffect));
  const share = hits / tokens;
  const honestUpTo = (n: number, of: number): number => {
    const known = independent(of);
    const seen = share * known;
    const most = seen >= known ? 1 : betaQuantile(1 - rates.alpha / 2, seen + 1, known - seen);
    const m = independent(n);
    let count = Math.floor(most * m);
    while (count < m && 1 - binomialCdf(count, m, most) > rates.alpha / 2) count++;
    return count / m;
  };
  const limitAt = (n: number, of: number): number => Math.max(rates.multiple * floor, honestUpTo(n, of));
  const detectsAt = (n: number, limit: number): number | null => {
    const m = independent(n);
    const count = Math.floor(limit * m);
    return count >= m ? null : betaQuantile(1 - rates.beta, count + 1, m - count);
  };
  const limit = Math.min(1, limitAt(tokens, tokens));
  const target = DETECT * Math.max(share, 0.5 / independent(tokens));
  return {
    limit,
    detects: detectsAt(tokens, limit),
    sampleMinimum: leastSample(tokens, (n) => honestUpTo(n, tokens) <= limit),
    tokensNeeded: leastTokens((n) => (detectsAt(n, limitAt(n, n)) ?? Number.POSITIVE_INFINITY) <= target),
  };
}

/** The smallest sample, down from all tokens in steps of a tenth, of which every larger one up to all keeps the limit. */
function leastSample(tokens: number, isKept: (n: number) => boolean): number {
  let least = tokens;
  for (
    let n = tokens;
    n >= Math.min(LEAST_SAMPLE, tokens);
    n = n === LEAST_SAMPLE ? 0 : Math.max(LEAST_SAMPLE, Math.floor(n * 0.9))
  ) {
    if (!isKept(n)) break;
    least = n;
  }
  return least;
}

/** Two digits are enough for a number of tokens that somebody has to find. */
function leastTokens(isEnough: (n: number) => boolean): number | null {
  for (let n = LEAST_SAMPLE; n <= TOKENS_MAX; n = Math.ceil(n * 1.1)) {
    if (isEnough(n)) return Number(n.toPrecision(2));
  }
  return null;
}
