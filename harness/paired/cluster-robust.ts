// The cluster-robust standard error of a token-weighted mean (CR2), its degrees of freedom and its t interval.
// Source: Bell and McCaffrey, "Bias reduction in standard errors for linear regression with multi-stage samples" (2002);
// the regression here has an intercept alone, which leaves sums over units.
import tCdf from '@stdlib/stats/base/dists/t/cdf/lib/index.js';
import tQuantile from '@stdlib/stats/base/dists/t/quantile/lib/index.js';
import { tokenMean, total, type Units } from './paired-sample.ts';

export interface Interval {
  readonly lower: number;
  readonly upper: number;
}

export interface ClusterRobustMean {
  readonly mean: number;
  readonly standardError: number;
  readonly degreesOfFreedom: number;
}

/**
 * Mean and CR2 standard error over at least two units.
 *
 * @param leastError - the standard error is never below it; 0 for none.
 */
export function clusterRobustMean(units: Units, leastError: number): ClusterRobustMean {
  const mean = tokenMean(units);
  const tokenCount = total(units.tokens);
  let variance = 0;
  for (let unit = 0; unit < units.sums.length; unit++) {
    const tokens = units.tokens[unit]!;
    const residual = units.sums[unit]! - tokens * mean;
    variance += (residual * residual) / (1 - tokens / tokenCount);
  }
  const standardError = Math.max(Math.sqrt(variance) / tokenCount, leastError);
  return { mean, standardError, degreesOfFreedom: degreesOfFreedom(units.tokens) };
}

/**
 * Satterthwaite's degrees of freedom of the CR2 variance: units - 1 for units of one length, fewer for uneven ones. How the variance of a
 * unit's sum grows with its tokens n is not known: with n if tokens scatter alone, with n² if prompts differ. The smaller of the two counts.
 *
 * @param tokens - [units], at least two.
 */
export function degreesOfFreedom(tokens: Float64Array): number {
  return Math.min(
    satterthwaite(tokens, (n) => n),
    satterthwaite(tokens, (n) => n * n),
  );
}

export function tInterval({ mean, standardError, degreesOfFreedom }: ClusterRobustMean, alpha: number): Interval {
  const reach = criticalValue(alpha, degreesOfFreedom) * standardError;
  return { lower: mean - reach, upper: mean + reach };
}

/** Two-sided p that the mean is 0. Without any scatter it is 1 for a mean of 0 and 0 for any other. */
export function tProbability({ mean, standardError, degreesOfFreedom }: ClusterRobustMean): number {
  if (mean === 0) return 1;
  return standardError === 0 ? 0 : 2 * tCdf(-Math.abs(mean / standardError), degreesOfFreedom);
}

/** What |t| exceeds with probability `alpha`. */
export function criticalValue(alpha: number, degreesOfFreedom: number): number {
  return tQuantile(1 - alpha / 2, degreesOfFreedom);
}

/**
 * 2 E(v)² / Var(v) of the quadratic form v = Σ c r², r = s - w Σ s, where s has the variances that `varianceOf` says: the trace of AD squared
 * over the trace of ADAD with A = (I - 1wᵀ) diag(c) (I - w1ᵀ) and D diagonal, written out so that no matrix is needed.
 */
function satterthwaite(tokens: Float64Array, varianceOf: (n: number) => number): number {
  const tokenCount = total(tokens);
  let k = 0;
  for (const n of tokens) k += (n / tokenCount) ** 2 / (1 - n / tokenCount);
  let trace = 0;
  let diagonal = 0;
  let variances = 0;
  let firsts = 0;
  let seconds = 0;
  for (const n of tokens) {
    const weight = n / tokenCount;
    // Only ratios matter; in units of the whole sum nothing overflows.
    const variance = varianceOf(weight);
    const c = 1 / (1 - weight);
    const a = c * weight;
    trace += variance * (c - 2 * a + k);
    diagonal += variance * variance * c * (c + 2 * (k - 2 * a));
    variances += variance;
    firsts += a * variance;
    seconds += a * a * variance;
  }
  const offDiagonal =
    k * k * variances * variances - 4 * k * variances * firsts + 2 * variances * seconds + 2 * firsts * firsts;
  return (trace * trace) / (diagonal + offDiagonal);
}
