// The bootstrap over units: how far the mean of a resample is from that of the sample, plain and in standard errors.
// Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapters 12 (bootstrap-t) and 13 (percentiles).
import { quantile, type SortedSample, sortSample } from '../metrics/quantile.ts';
import type { ClusterRobustMean, Interval } from './cluster-robust.ts';
import type { Units } from './paired-sample.ts';
import { drawIndex, randomFromSeed } from './seeded-random.ts';

export interface Resampling {
  /** Resamples, 10,000 unless said otherwise. */
  readonly resamples: number;
  /** 32 bits. */
  readonly seed: number;
}

export const DEFAULT_RESAMPLING: Resampling = { resamples: 10_000, seed: 1 };

export interface Bootstrap {
  /** [resamples] means. */
  readonly means: SortedSample;
  /** [resamples] (mean of the resample - mean of the sample) / standard error of the resample. */
  readonly studentised: SortedSample;
}

/**
 * A resample of like units has hardly an error of its own, and would stand infinitely far out. Below this share of the sample's error it
 * is set to that share, which keeps both ends of an interval finite.
 */
const LEAST_SHARE_OF_ERROR = 0.1;

/**
 * Draws as many units as there are, with replacement, again and again.
 *
 * @param of - mean and standard error of the units.
 * @param leastError - as for the sample's own standard error.
 */
export function bootstrapMeans(
  { sums, tokens }: Units,
  of: ClusterRobustMean,
  { resamples, seed, leastError }: Resampling & { readonly leastError: number },
): Bootstrap {
  const random = randomFromSeed(seed);
  const count = sums.length;
  const drawn = new Int32Array(count);
  const means = new Float64Array(resamples);
  const studentised = new Float64Array(resamples);
  const floor = Math.max(leastError, LEAST_SHARE_OF_ERROR * of.standardError);
  for (let resample = 0; resample < resamples; resample++) {
    let sum = 0;
    let tokenCount = 0;
    for (let i = 0; i < count; i++) {
      const unit = drawIndex(random, count);
      drawn[i] = unit;
      sum += sums[unit]!;
      tokenCount += tokens[unit]!;
    }
    const mean = sum / tokenCount;
    let variance = 0;
    for (let i = 0; i < count; i++) {
      const unit = drawn[i]!;
      const residual = sums[unit]! - tokens[unit]! * mean;
      variance += (residual * residual) / (1 - tokens[unit]! / tokenCount);
    }
    means[resample] = mean;
    const error = Math.max(Math.sqrt(variance) / tokenCount, floor);
    studentised[resample] = error === 0 ? 0 : (mean - of.mean) / error;
  }
  return { means: sortSample(means), studentised: sortSample(studentised) };
}

/** The bootstrap-t interval: t's quantiles are taken from the resamples, so that a skewed sample gets a skewed interval. */
export function studentisedInterval({ studentised }: Bootstrap, of: ClusterRobustMean, alpha: number): Interval {
  return {
    lower: of.mean - quantile(studentised, 1 - alpha / 2) * of.standardError,
    upper: of.mean - quantile(studentised, alpha / 2) * of.standardError,
  };
}

export function percentileInterval({ means }: Bootstrap, alpha: number): Interval {
  return { lower: quantile(means, alpha / 2), upper: quantile(means, 1 - alpha / 2) };
}
