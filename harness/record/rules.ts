// What a gate rule is, and the metrics that rules may judge.
import type { Loosening, VariantPlace } from './allowances.ts';

export const RULE_ORIGINS = ['hard', 'compat', 'calibrated', 'manual'] as const;
/** hard: a matter of principle; compat: copied from the original test; calibrated: from measured runs; manual: the user's. */
export type RuleOrigin = (typeof RULE_ORIGINS)[number];

/** Metrics of one token, see token-metrics.ts. Counts are ideal at 0. */
export const TOKEN_METRICS = [
  'contextMismatch',
  'nonFinite',
  'constant',
  'pcc',
  'goldenRankOnActual',
  'klNats',
  'gainDeviation',
  'regretNats',
] as const;
export type TokenMetric = (typeof TOKEN_METRICS)[number];

/** Metrics over the tokens of a prompt or of the whole run. */
export const AGGREGATE_METRICS = [
  'coverage',
  'pccMin',
  'pccP1',
  'pccMedian',
  'klMean',
  'klMedian',
  'klP99',
  'top1',
  'top5',
  'realFlipShare',
  'rankP99',
  'gainDeviation',
  'regretMean',
  'regretP99',
] as const;
export type AggregateMetric = (typeof AGGREGATE_METRICS)[number];

export const RULE_PHASES = ['all', 'prefill', 'firstDecode', 'decode'] as const;
export type RulePhase = (typeof RULE_PHASES)[number];

/** What a calibrated threshold was calibrated on. */
export interface Calibration {
  /** The runs: checkpoints, device, number of tokens. */
  readonly runs: string;
  /** The metric in those runs, in the metric's own unit. */
  readonly measured: readonly number[];
  /** YYYY-MM-DD. */
  readonly date: string;
  /** Of the metric's single values in those runs. */
  readonly distribution?: Distribution;
  /** How much of the way from the limit to a perfect device those runs left, 0 … 1. */
  readonly headroom?: number;
  /** Of a limit that follows from error rates. */
  readonly errorRates?: ErrorRates;
}

export interface ErrorRates {
  /** How often an honest run of `tokens` tokens breaks the rule, at most; how often a device at `detects` keeps it, at most. */
  readonly alpha: number;
  readonly beta: number;
  readonly tokens: number;
  /** In the metric's own unit; null: there is none. */
  readonly detects: number | null;
  /** Tokens in which a device three times as bad as measured is caught in 1 - beta of runs; null: more than a million. */
  readonly tokensNeeded: number | null;
  /** What the runs that are called the floor measured, and how many times that the limit is at least. */
  readonly floor: number;
  readonly multiple: number;
}

/** Quantiles interpolate linearly between order statistics. */
export interface Distribution {
  readonly n: number;
  readonly p1: number;
  readonly p50: number;
  readonly p99: number;
}

/** What the self-test found to pass a rule at its threshold, when the rule stood alone. */
export interface Damage {
  /** Checkpoint, prompts and tokens that the faults were put into. */
  readonly on: string;
  /** YYYY-MM-DD. */
  readonly date: string;
  /** Faults that must be caught and could be judged there. */
  readonly faults: number;
  /** Ids of those that do not break the rule. */
  readonly passes: readonly string[];
}

interface RuleBase {
  readonly id: string;
  readonly phase: RulePhase;
  readonly op: '>=' | '<=';
  readonly threshold: number;
  /** Value of a perfect device; headroom is measured from here. */
  readonly ideal: number;
  readonly origin: RuleOrigin;
  readonly reason: string;
  /** A broken hard rule makes the comparison invalid, not failed, when the numbers cannot be trusted at all. */
  readonly onBreak: 'fail' | 'invalid';
  readonly calibration?: Calibration;
  readonly damage?: Damage;
  /** Variants that it is for; absent: all. */
  readonly places?: readonly VariantPlace[];
  /** It is looser than the default. */
  readonly loosening?: Loosening;
}

export type GateRule = RuleBase &
  (
    | { readonly scope: 'token'; readonly metric: TokenMetric }
    | {
        readonly scope: 'prompt' | 'run';
        readonly metric: AggregateMetric;
        /** Tokens that the rule needs in a prompt (run: in a variant) before it says anything; 1 for coverage. */
        readonly sampleMinimum: number;
      }
  );

/** Of the rule that a baseline brings; no rule of a table may ask for it, since it is a matter of two runs. */
export const BASELINE_METRIC = 'variantsWorse';
/** Its id, which no other rule may have: a run that fails by it alone may be accepted. */
export const BASELINE_RULE_ID = 'not-worse-than-baseline';

/** Not of the spec's rules: a run with a baseline has it besides. */
export type BaselineRule = RuleBase & {
  readonly scope: 'run';
  readonly metric: typeof BASELINE_METRIC;
  readonly sampleMinimum: number;
};
