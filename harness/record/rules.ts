// What a gate rule is, and the metrics that rules may judge.

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
