// Rules with a margin from what runs measured: at least a multiple of the floor, and no tighter than the stated rate of false alarms allows.

import { mean, quantile, type SortedSample, sortSample } from '../metrics/quantile.ts';
import type { AggregateMetric, GateRule } from '../record/rules.ts';
import type { RuleEntry } from '../rules-file/rules-file.ts';
import { type ErrorRates, limitOfScale, limitOfShare, type SuggestedLimit } from './limits.ts';
import {
  bootstrapError,
  joined,
  type MeasuredMetric,
  type MeasuredVariant,
  type Statistic,
  type Texts,
  type Units,
} from './measured-tokens.ts';

export interface SuggestOptions extends ErrorRates {
  readonly texts: Texts;
  /** The device that was measured. */
  readonly variants: readonly MeasuredVariant[];
  /** Runs whose spread is the floor: repeats, or a reference in bfloat16; the measured ones themselves if none were given. */
  readonly floors: readonly MeasuredVariant[];
  readonly defaults: readonly GateRule[];
  /** Named in the rules; for people. */
  readonly runs: string;
  /** YYYY-MM-DD, of the runs. */
  readonly date: string;
}

export interface Suggestions {
  readonly rules: readonly RuleEntry[];
  /** What was left out and why, a sentence each. */
  readonly notes: readonly string[];
}

interface Measure {
  readonly id: string;
  readonly metric: AggregateMetric;
  readonly of: MeasuredMetric;
  /** Of what is the better the smaller it is; undefined for a share. */
  readonly statistic?: Statistic;
  /** The metric is 1 minus what was measured. */
  readonly isComplement?: true;
  /** A tail needs more tokens than a mean. */
  readonly least: number;
}

const p99: Statistic = (values) => quantile(sortSample(values), 0.99);
const median: Statistic = (values) => quantile(sortSample(values), 0.5);

/** Means, medians, shares and 99th percentiles: no maximum, which grows with the number of tokens. */
const MEASURES: readonly Measure[] = [
  { id: 'pcc-median', metric: 'pccMedian', of: 'pccGap', statistic: median, isComplement: true, least: 100 },
  { id: 'kl-mean', metric: 'klMean', of: 'klNats', statistic: mean, least: 100 },
  { id: 'kl-p99', metric: 'klP99', of: 'klNats', statistic: p99, least: 500 },
  { id: 'top1', metric: 'top1', of: 'isMiss', isComplement: true, least: 100 },
  { id: 'real-flips', metric: 'realFlipShare', of: 'isRealFlip', least: 100 },
  { id: 'regret-mean', metric: 'regretMean', of: 'regretNats', statistic: mean, least: 100 },
  { id: 'regret-p99', metric: 'regretP99', of: 'regretNats', statistic: p99, least: 500 },
];
/** Units less strata: with fewer nobody knows the scatter. */
const FREEDOM_LEAST = 3;
/** A run of the same texts has at least this share of the tokens, though another reference may end some earlier. */
const SAME_SHARE = 0.9;
/** Of resampling: the same runs give the same rules. */
const SEED = 1;

export function suggestRules(options: SuggestOptions): Suggestions {
  const notes: string[] = [];
  const isOne = options.variants.length === 1;
  const rules = options.variants.flatMap((variant, i) =>
    MEASURES.flatMap((measure) => suggestOne(measure, variant, isOne ? '' : `-${i + 1}`, options, notes)),
  );
  return { rules, notes };
}

function suggestOne(
  measure: Measure,
  variant: MeasuredVariant,
  suffix: string,
  { floors, defaults, runs, date, texts, alpha, beta, multiple }: SuggestOptions,
  notes: string[],
): RuleEntry[] {
  const place = variant.case === variant.variant ? variant.case : `${variant.case} › ${variant.variant}`;
  const strata = variant.strata[measure.of];
  const sample = sortSample(joined(strata.flat()));
  // What is judged is one run, as long as those given are in the mean.
  const tokens = Math.floor(sample.length / variant.runs);
  if (tokens < measure.least || freedomOf(strata) < FREEDOM_LEAST) {
    notes.push(`${measure.id} of ${place}: ${tokens} tokens are too few, at least ${measure.least} are needed`);
    return [];
  }
  const value = statisticOf(measure)(sample);
  const floor = floorOf(measure, variant, floors) ?? value;
  const found = limitOf(measure, { strata, tokens, value, floor }, { alpha, beta, multiple });
  const of = (amount: number): number => (measure.isComplement === true ? round(1 - amount, 9) : amount);
  const threshold = of(roundedUp(found.limit));
  const applies = { case: variant.case, variant: variant.variant };
  const calibration = {
    runs: `${runs}: ${place}, ${sample.length} tokens`,
    measured: [round(of(value), 6)],
    date,
    distribution: distributionOf(sample, measure),
    headroom: round(Math.max(0, 1 - value / found.limit), 3),
    errorRates: {
      ...{ alpha, beta, tokens },
      detects: found.detects === null ? null : round(of(found.detects), 6),
      tokensNeeded: found.tokensNeeded,
      ...{ floor: round(of(floor), 6), multiple },
    },
  };
  const broken = defaults.filter((rule) => isBrokenBy(rule, measure, of(value), tokens));
  if (broken.length > 0) {
    notes.push(
      `${place} breaks ${broken.map(({ id }) => id).join(', ')}: what is looser needs a reason, an owner and a last day`,
    );
    return broken.map((rule) => ({
      id: `${rule.id}-measured${suffix}`,
      ...{ instead: rule.id, applies, threshold },
      loosened: { reason: '', owner: '', expires: '' },
      calibration,
    }));
  }
  // Some of the texts may be harder than all of them.
  const sampleMinimum = texts === 'other' ? found.sampleMinimum : Math.ceil(SAME_SHARE * tokens);
  const tighter = defaults.find((rule) => isTighter(rule, measure, threshold, sampleMinimum));
  if (tighter !== undefined) {
    notes.push(`${measure.id} of ${place}: ${tighter.id} is no looser than what is measured allows (${threshold})`);
    return [];
  }
  const isMultiple = multiple * floor >= found.limit;
  const times = `${multiple} times the measured floor${measure.isComplement === true ? "'s distance from 1" : ''}`;
  const cause = isMultiple ? times : `what ${round(100 * alpha, 3)} % of honest runs exceed, more than ${times}`;
  return [
    {
      id: `${measure.id}-measured${suffix}`,
      applies,
      scope: 'run',
      metric: measure.metric,
      threshold,
      sampleMinimum,
      reason: cause,
      calibration,
    },
  ];
}

function statisticOf({ statistic = mean }: Measure): Statistic {
  return statistic;
}

/** Of the scatter between units of a stratum. */
function freedomOf(strata: readonly Units[]): number {
  return strata.reduce((sum, { length }) => sum + length - 1, 0);
}

interface Measured {
  readonly strata: readonly Units[];
  readonly tokens: number;
  readonly value: number;
  readonly floor: number;
}

function limitOf(measure: Measure, { strata, tokens, value, floor }: Measured, rates: ErrorRates): SuggestedLimit {
  const standardError = bootstrapError(strata, statisticOf(measure), SEED);
  if (measure.statistic !== undefined) {
    return limitOfScale({ value, standardError, degreesOfFreedom: freedomOf(strata), tokens, floor }, rates);
  }
  const plain = (value * (1 - value)) / tokens;
  const designEffect = plain === 0 ? 1 : Math.max(1, standardError ** 2 / plain);
  return limitOfShare({ hits: value * tokens, tokens, designEffect, floor }, rates);
}

/** Of the same variant's case, all its floor runs together; undefined if there are none. */
function floorOf(
  measure: Measure,
  { case: caseName }: MeasuredVariant,
  floors: readonly MeasuredVariant[],
): number | undefined {
  const units = floors.filter((one) => one.case === caseName).flatMap((one) => one.strata[measure.of].flat());
  return units.length === 0 ? undefined : statisticOf(measure)(joined(units));
}

function isBrokenBy(rule: GateRule, { metric }: Measure, value: number, tokens: number): boolean {
  if (rule.scope !== 'run' || rule.metric !== metric || tokens < rule.sampleMinimum) return false;
  return rule.op === '>=' ? value < rule.threshold : value > rule.threshold;
}

/** Whether a rule that judges as few tokens asks as much. */
function isTighter(rule: GateRule, { metric }: Measure, threshold: number, sampleMinimum: number): boolean {
  if (rule.scope !== 'run' || rule.metric !== metric || rule.sampleMinimum > sampleMinimum) return false;
  return rule.op === '>=' ? rule.threshold >= threshold : rule.threshold <= threshold;
}

function distributionOf(
  sample: SortedSample,
  { isComplement }: Measure,
): NonNullable<RuleEntry['calibration']>['distribution'] & {} {
  const at = (share: number): number =>
    round(isComplement === true ? 1 - quantile(sample, 1 - share) : quantile(sample, share), 6);
  return { n: sample.length, p1: at(0.01), p50: at(0.5), p99: at(0.99) };
}

function round(value: number, digits: number): number {
  return Number(value.toPrecision(digits));
}

/** Three digits, away from what was measured. */
function roundedUp(value: number): number {
  if (value === 0) return 0;
  const step = 10 ** (Math.floor(Math.log10(value)) - 2);
  return round(Math.ceil(value / step - 1e-9) * step, 3);
}
