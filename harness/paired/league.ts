// A league: several comparisons, variants and metrics, judged as one family.

import { DEFAULT_RESAMPLING, type Resampling } from './bootstrap.ts';
import { estimatePaired, type PairedEstimate } from './estimate.ts';
import { holm } from './holm.ts';
import type { PairedMetric } from './paired-metrics.ts';
import type { PairedSample } from './paired-sample.ts';
import { judgePaired, type PairedVerdict } from './verdict.ts';

export interface Comparison {
  /** Of the variant, or of the pair. */
  readonly name: string;
  readonly metric: PairedMetric;
  readonly sample: PairedSample;
}

export interface JudgedComparison extends Comparison {
  readonly estimate: PairedEstimate;
  readonly verdict: PairedVerdict;
}

/**
 * Judges every comparison; all that may say better or worse belong into one call, since Holm's adjustment is over them. Each starts from the
 * same seed, so that neither its place nor its neighbours change its numbers, and equal variants get equal words. Nothing here looks at a
 * largest value: it grows with the number of tokens and says nothing about the variant.
 *
 * @returns in the order given.
 */
export function judgeLeague(
  comparisons: readonly Comparison[],
  resampling: Resampling = DEFAULT_RESAMPLING,
): JudgedComparison[] {
  const estimates = comparisons.map(({ sample, metric }) =>
    estimatePaired(sample, { ...resampling, isOfHits: metric.isOfHits }),
  );
  const adjusted = holm(estimates.map((estimate) => (estimate.kind === 'defined' ? estimate.p : 1)));
  return comparisons.map((comparison, i) => ({
    ...comparison,
    estimate: estimates[i]!,
    verdict: judgePaired(estimates[i]!, comparison.metric, adjusted[i]!),
  }));
}
