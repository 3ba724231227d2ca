// Summaries of many judged tokens: spreads, shares and medians, from one list of values per metric.

import type { ControlSpread, KlSpread, PccSpread, TokenSummary } from '../record/summary.ts';
import { exponential } from './exp-log.ts';
import { mean, quantile, type SortedSample, standardError } from './quantile.ts';

/** Metrics of which a summary takes the values of all tokens that have them. */
export const SAMPLED_METRICS = [
  'pcc',
  'klNats',
  'goldenRankOnActual',
  'isRealFlip',
  'isNearTie',
  'isTie',
  'maxAbs',
  'gain',
  'regretNats',
  'offset',
  'nmseDb',
  'logRatio',
  'pccPreviousGolden',
  'pccPreviousActual',
  'pccUnrelatedGolden',
] as const;
export type SampledMetric = (typeof SAMPLED_METRICS)[number];

/** Tokens as a summary sees them. Samples are sorted, so that every number is the same in whatever order tokens came. */
export interface TokenSample {
  readonly n: number;
  values(metric: SampledMetric): SortedSample;
}

export function summarizeSample({ n, values }: TokenSample): TokenSummary {
  const ranks = values('goldenRankOnActual');
  return {
    n,
    pcc: spreadPcc(n, values('pcc')),
    klNats: spreadKl(values('klNats')),
    top1: shareUpTo(ranks, 1),
    top5: shareUpTo(ranks, 5),
    top10: shareUpTo(ranks, 10),
    flips: {
      real: sumOf(values('isRealFlip')),
      nearTie: sumOf(values('isNearTie')),
      tie: sumOf(values('isTie')),
    },
    rankP99: quantileOrNull(ranks, 0.99),
    maxAbs: quantileOrNull(values('maxAbs'), 1),
    gain: quantileOrNull(values('gain'), 0.5),
    offset: quantileOrNull(values('offset'), 0.5),
    nmseDb: quantileOrNull(values('nmseDb'), 0.5),
    pplRatio: perplexityRatio(values('logRatio')),
  };
}

/** Quantiles of one negative control, and how much of it a PCC minimum lets through; null if no token has it. */
export function spreadControl(values: SortedSample, pccMinimum: number): ControlSpread | null {
  if (values.length === 0) return null;
  return {
    n: values.length,
    min: quantile(values, 0),
    p5: quantile(values, 0.05),
    p50: quantile(values, 0.5),
    p95: quantile(values, 0.95),
    p99: quantile(values, 0.99),
    max: quantile(values, 1),
    reachMinimum: shareFrom(values, pccMinimum) ?? 0,
  };
}

/** Share of the values that are at least `limit`; null if there is none. */
export function shareFrom(values: Float64Array, limit: number): number | null {
  return values.length === 0 ? null : values.filter((value) => value >= limit).length / values.length;
}

/** Share of the values that are at most `limit`; null if there is none. */
export function shareUpTo(values: SortedSample, limit: number): number | null {
  return values.length === 0 ? null : values.filter((value) => value <= limit).length / values.length;
}

export function quantileOrNull(values: SortedSample, share: number): number | null {
  return values.length === 0 ? null : quantile(values, share);
}

function spreadPcc(n: number, values: SortedSample): PccSpread | null {
  if (values.length === 0) return null;
  return {
    undefinedCount: n - values.length,
    min: quantile(values, 0),
    p1: quantile(values, 0.01),
    p5: quantile(values, 0.05),
    p50: quantile(values, 0.5),
    mean: mean(values),
    max: quantile(values, 1),
  };
}

function spreadKl(values: SortedSample): KlSpread | null {
  if (values.length === 0) return null;
  return {
    mean: mean(values),
    se: standardError(values),
    p50: quantile(values, 0.5),
    p90: quantile(values, 0.9),
    p99: quantile(values, 0.99),
    max: quantile(values, 1),
  };
}

function sumOf(values: SortedSample): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Delta method: the standard error of exp(m) is exp(m) times that of m. */
function perplexityRatio(logRatios: SortedSample): TokenSummary['pplRatio'] {
  const se = standardError(logRatios);
  if (se === null) return null;
  const value = exponential(-mean(logRatios));
  return { value, se: value * se };
}
