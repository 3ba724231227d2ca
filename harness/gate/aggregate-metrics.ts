// The numbers of many tokens that prompt and run rules judge.

import type { AggregateMetric } from '../record/rules.ts';
import type { TokenSummary } from '../record/summary.ts';

const VALUES: Readonly<Record<Exclude<AggregateMetric, 'coverage'>, (summary: TokenSummary) => number | null>> = {
  pccMin: ({ pcc }) => pcc?.min ?? null,
  pccP1: ({ pcc }) => pcc?.p1 ?? null,
  pccMedian: ({ pcc }) => pcc?.p50 ?? null,
  klMean: ({ klNats }) => klNats?.mean ?? null,
  klMedian: ({ klNats }) => klNats?.p50 ?? null,
  klP99: ({ klNats }) => klNats?.p99 ?? null,
  top1: ({ top1 }) => top1,
  top5: ({ top5 }) => top5,
  realFlipShare: ({ flips, n }) => (n === 0 ? null : flips.real / n),
  rankP99: ({ rankP99 }) => rankP99,
  gainDeviation: ({ gain }) => (gain === null ? null : Math.abs(gain - 1)),
};

/** Value of a metric in a summary; null where it does not exist. Coverage comes from the plan instead. */
export function aggregateMetricValue(
  summary: TokenSummary,
  metric: Exclude<AggregateMetric, 'coverage'>,
): number | null {
  return VALUES[metric](summary);
}
