// The numbers of many tokens that prompt and run rules judge.

import { quantileOrNull, type SampledMetric, shareUpTo } from '../metrics/aggregate.ts';
import { mean, type SortedSample } from '../metrics/quantile.ts';
import type { AggregateMetric } from '../record/rules.ts';

export interface Aggregate {
  /** Whose values it is made of; as many as there are is the size of its sample. */
  readonly of: SampledMetric;
  /** Null for an empty sample. */
  readonly value: (sample: SortedSample) => number | null;
}

/** Coverage is not among them: it comes from the plan. */
export const AGGREGATES: Readonly<Record<Exclude<AggregateMetric, 'coverage'>, Aggregate>> = {
  pccMin: { of: 'pcc', value: (sample) => quantileOrNull(sample, 0) },
  pccP1: { of: 'pcc', value: (sample) => quantileOrNull(sample, 0.01) },
  pccMedian: { of: 'pcc', value: (sample) => quantileOrNull(sample, 0.5) },
  klMean: { of: 'klNats', value: meanOrNull },
  klMedian: { of: 'klNats', value: (sample) => quantileOrNull(sample, 0.5) },
  klP99: { of: 'klNats', value: (sample) => quantileOrNull(sample, 0.99) },
  top1: { of: 'goldenRankOnActual', value: (sample) => shareUpTo(sample, 1) },
  top5: { of: 'goldenRankOnActual', value: (sample) => shareUpTo(sample, 5) },
  realFlipShare: { of: 'isRealFlip', value: meanOrNull },
  rankP99: { of: 'goldenRankOnActual', value: (sample) => quantileOrNull(sample, 0.99) },
  gainDeviation: {
    of: 'gain',
    value: (sample) => {
      const gain = quantileOrNull(sample, 0.5);
      return gain === null ? null : Math.abs(gain - 1);
    },
  },
  regretMean: { of: 'regretNats', value: meanOrNull },
  regretP99: { of: 'regretNats', value: (sample) => quantileOrNull(sample, 0.99) },
};

function meanOrNull(sample: SortedSample): number | null {
  return sample.length === 0 ? null : mean(sample);
}
