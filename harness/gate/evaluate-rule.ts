// What becomes of one rule over all judged tokens: worst value, where, how much room is left.

import type { ExpectedFailure } from '../record/allowances.ts';
import type { GateRule } from '../record/rules.ts';
import type { SequenceKey, TokenKey } from '../record/token-record.ts';
import type { RulePlace, RuleResult } from '../record/verdict.ts';
import { AGGREGATES } from './aggregate-metrics.ts';
import { holds, type TokenRule } from './judge-token.ts';
import type { VariantShare } from './judged-sequences.ts';
import { appliesTo, isExpected } from './rule-places.ts';
import type { TokenColumns } from './token-columns.ts';
import type { StableOutcome } from './unstable.ts';

export type AggregateRule = Exclude<GateRule, TokenRule>;

/** Tokens that an aggregate rule looks at together: those of a sequence, or of all sequences of a variant. */
export interface TokenGroup {
  readonly key: SequenceKey;
  readonly tokens: Int32Array;
}

/** One value that a rule was held against. */
export interface Observation {
  readonly value: number | null;
  readonly isBroken: boolean;
  readonly place: RulePlace;
}

export interface TooFewTokens {
  /** Groups with less than the rule's sample. */
  readonly count: number;
  readonly largest: number | null;
}

const NONE_TOO_FEW: TooFewTokens = { count: 0, largest: null };

/**
 * Result of a token rule.
 *
 * @param index - of the rule among the token rules.
 * @param tokens - in the order in which a verdict speaks of them.
 * @param outcomeOf - of `stableOutcomes`, where a spread was measured.
 */
export function evaluateTokenRule(
  rule: TokenRule,
  index: number,
  columns: TokenColumns,
  tokens: Int32Array,
  keyOf: (token: number) => TokenKey,
  outcomeOf: (rule: number, token: number) => StableOutcome = columns.outcomeOf,
): RuleResult {
  let judged = 0;
  let unstable = 0;
  let failures = 0;
  let expected = 0;
  let worst: { value: number | null; token: number } | null = null;
  for (const token of tokens) {
    const outcome = outcomeOf(index, token);
    if (outcome === 4) unstable++;
    if (outcome === 0 || outcome === 4) continue;
    judged++;
    if (outcome === 3) {
      expected++;
      continue;
    }
    if (outcome === 2) failures++;
    const value = columns.valueOf(rule.metric, token);
    if (worst === null || badness(rule, value) > badness(rule, worst.value)) worst = { value, token };
  }
  const { case: caseName, variant, prompt, user, position } = worst === null ? NO_TOKEN : keyOf(worst.token);
  const place = { case: caseName, variant, prompt, user, position };
  const result = concludeRule(rule, {
    judged,
    failures,
    expected,
    worst: worst === null ? null : { value: worst.value, place },
  });
  if (outcomeOf === columns.outcomeOf) return result;
  const isOpen = unstable > 0 && (result.status === 'pass' || result.status === 'notTriggered');
  return { ...result, unstable, ...(isOpen ? { status: 'unstable' } : {}) };
}

const NO_TOKEN: TokenKey = { case: '', variant: '', prompt: '', user: 0, position: 0 };

export interface Groups {
  readonly groups: readonly TokenGroup[];
  readonly expected: readonly ExpectedFailure[];
}

/** Result of a prompt or run rule other than coverage; a group with less than the rule's sample is not judged. */
export function evaluateAggregateRule(
  rule: AggregateRule,
  columns: TokenColumns,
  { groups, expected }: Groups,
): RuleResult {
  const { observations, tooFew } = observeGroups(rule, columns, groups);
  return concludeRule(rule, tally(rule, observations, expected), tooFew);
}

export interface GroupObservations {
  readonly observations: readonly Observation[];
  readonly tooFew: TooFewTokens;
}

/** The rule's value of every group that it is for and that has enough tokens. */
export function observeGroups(
  rule: AggregateRule,
  columns: TokenColumns,
  groups: readonly TokenGroup[],
): GroupObservations {
  if (rule.metric === 'coverage') throw new TypeError('coverage is a matter of the plan, not of tokens');
  const aggregate = AGGREGATES[rule.metric];
  const observations: Observation[] = [];
  let count = 0;
  let largest: number | null = null;
  for (const { key, tokens } of groups) {
    if (!appliesTo(rule, key)) continue;
    const sample = columns.sample(columns.select(tokens, rule.phase, true)).values(aggregate.of);
    const value = aggregate.value(sample);
    if (value === null) continue;
    if (sample.length < rule.sampleMinimum) {
      count++;
      largest = Math.max(largest ?? 0, sample.length);
      continue;
    }
    const { case: caseName, variant, prompt, user } = key;
    const isOfPrompt = rule.scope === 'prompt';
    observations.push({
      value,
      isBroken: !holds(rule, value),
      place: {
        case: caseName,
        variant,
        prompt: isOfPrompt ? prompt : null,
        user: isOfPrompt ? user : null,
        position: null,
      },
    });
  }
  return { observations, tooFew: { count, largest } };
}

/** Result of the coverage rule: share of each variant's planned tokens that were judged, exactly once each. */
export function evaluateCoverage(rule: AggregateRule, shares: readonly VariantShare[]): RuleResult {
  const observations = shares.map(({ case: caseName, variant, share }) => ({
    value: share,
    isBroken: !holds(rule, share),
    place: { case: caseName, variant, prompt: null, user: null, position: null },
  }));
  return concludeRule(rule, tally(rule, observations, []));
}

/** Result of a rule whose tokens lie in several logs: nothing is said about those of one. */
export function leaveUnjudged(rule: AggregateRule): RuleResult {
  const empty = concludeRule(rule, { judged: 0, failures: 0, expected: 0, worst: null });
  return rule.loosening?.isExpired === true ? empty : { ...empty, status: 'notJudgedHere' };
}

interface Tally {
  readonly judged: number;
  readonly failures: number;
  /** Broken where that is expected. */
  readonly expected: number;
  /** Of those that are not. */
  readonly worst: Omit<Observation, 'isBroken'> | null;
}

function tally(rule: GateRule, observations: readonly Observation[], expected: readonly ExpectedFailure[]): Tally {
  const counted = observations.filter(({ isBroken, place }) => !(isBroken && isExpected(expected, rule.id, place)));
  let worst: Observation | null = null;
  for (const observation of counted) {
    if (worst === null || badness(rule, observation.value) > badness(rule, worst.value)) worst = observation;
  }
  return {
    judged: observations.length,
    failures: counted.filter(({ isBroken }) => isBroken).length,
    expected: observations.length - counted.length,
    worst,
  };
}

function concludeRule(
  rule: GateRule,
  { judged, failures, expected, worst }: Tally,
  tooFew: TooFewTokens = NONE_TOO_FEW,
): RuleResult {
  const status =
    judged > 0 ? (failures === 0 ? 'pass' : rule.onBreak) : tooFew.count > 0 ? 'tooFewTokens' : 'notTriggered';
  return {
    ...rule,
    observed: worst?.value ?? null,
    headroom: worst === null || worst.value === null ? null : headroomOf(rule, worst.value),
    // What was let pass for a time is a broken rule afterwards, whatever the tokens say.
    status: rule.loosening?.isExpired === true ? rule.onBreak : status,
    judged,
    failures,
    ...(expected === 0 ? {} : { expected }),
    tooFew: tooFew.count,
    largestTooFew: tooFew.largest,
    worstAt: worst?.place ?? null,
  };
}

/** The larger the worse; a value that does not exist is worse than any. The first of equals counts as the worst. */
export function badness({ op }: GateRule, value: number | null): number {
  if (value === null || Number.isNaN(value)) return Number.POSITIVE_INFINITY;
  return op === '>=' ? -value : value;
}

/** 1 - share of the allowed distance from ideal that is used; for limits without any room: 0 kept, -1 broken. */
export function headroomOf(rule: Pick<GateRule, 'op' | 'ideal' | 'threshold'>, value: number): number {
  const allowed = rule.threshold - rule.ideal;
  if (allowed === 0) return holds(rule, value) ? 0 : -1;
  return 1 - (value - rule.ideal) / allowed;
}
