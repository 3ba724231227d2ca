// Which metrics a rule of a scope may judge, and which way is better: a file says neither, so that no limit can be upside down.
import {
  AGGREGATE_METRICS,
  type AggregateMetric,
  type GateRule,
  TOKEN_METRICS,
  type TokenMetric,
} from '../record/rules.ts';
import { FILE_METRICS } from './config-schema.ts';

type Limit = Pick<GateRule, 'op' | 'ideal'>;
const ATLEAST: Limit = { op: '>=', ideal: 1 };
const ATMOST: Limit = { op: '<=', ideal: 0 };
const RANK: Limit = { op: '<=', ideal: 1 };

const LIMITS: Readonly<Record<TokenMetric | AggregateMetric, Limit>> = {
  contextMismatch: ATMOST,
  nonFinite: ATMOST,
  constant: ATMOST,
  coverage: ATLEAST,
  pcc: ATLEAST,
  goldenRankOnActual: RANK,
  klNats: ATMOST,
  gainDeviation: ATMOST,
  regretNats: ATMOST,
  pccMin: ATLEAST,
  pccP1: ATLEAST,
  pccMedian: ATLEAST,
  klMean: ATMOST,
  klMedian: ATMOST,
  klP99: ATMOST,
  top1: ATLEAST,
  top5: ATLEAST,
  realFlipShare: ATMOST,
  rankP99: RANK,
  regretMean: ATMOST,
  regretP99: ATMOST,
};

export function limitOf(metric: string): Limit {
  return LIMITS[metric as TokenMetric];
}

export function metricsOf(scope: GateRule['scope']): readonly string[] {
  const all: readonly string[] = scope === 'token' ? TOKEN_METRICS : AGGREGATE_METRICS;
  return all.filter((metric) => FILE_METRICS.includes(metric));
}
