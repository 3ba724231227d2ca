// What becomes of one rule over all judged tokens: worst value, where, how much room is left.
import { summarizeTokens } from '../metrics/aggregate.ts';
import type { GateRule } from '../record/rules.ts';
import type { TokenRecord } from '../record/token-record.ts';
import type { RulePlace, RuleResult } from '../record/verdict.ts';
import { aggregateMetricValue } from './aggregate-metrics.ts';
import { holds, isRuleForPhase, isTokenRuleBroken, type TokenRule } from './judge-token.ts';
import { tokenMetricValue } from './token-metrics.ts';

/** A record that the rule may judge, and whether the comparison itself was found invalid before. */
export interface JudgedRecord {
  readonly record: TokenRecord;
  /** Hard rules with `onBreak: 'invalid'` that the token broke. */
  readonly brokenHardRules: ReadonlySet<string>;
}

/** One value that a rule was held against. */
interface Observation {
  readonly value: number | null;
  readonly isBroken: boolean;
  readonly place: RulePlace;
}

/** Result of a token, prompt or run rule other than coverage. */
export function evaluateRule(rule: GateRule, records: readonly JudgedRecord[]): RuleResult {
  const inPhase = records.filter(({ record }) => isRuleForPhase(rule, record.phase));
  const observations = rule.scope === 'token' ? observeTokens(rule, inPhase) : observeGroups(rule, inPhase);
  return concludeRule(rule, observations);
}

/** Result of the coverage rule: share of each variant's planned tokens that were judged, exactly once each. */
export function evaluateCoverage(rule: GateRule, shares: ReadonlyMap<string, number>): RuleResult {
  const observations = Array.from(shares, ([variant, share]) => ({
    value: share,
    isBroken: !holds(rule, share),
    place: { variant, prompt: null, position: null },
  }));
  return concludeRule(rule, observations);
}

function observeTokens(rule: TokenRule, records: readonly JudgedRecord[]): Observation[] {
  return records.flatMap(({ record, brokenHardRules }) => {
    if (brokenHardRules.size > 0 && !brokenHardRules.has(rule.id) && rule.onBreak !== 'invalid') return [];
    const value = tokenMetricValue(record, rule.metric);
    const isBroken = isTokenRuleBroken(rule, value);
    if (isBroken === null) return [];
    const { variant, prompt, position } = record;
    return { value, isBroken, place: { variant, prompt, position } };
  });
}

function observeGroups(rule: Exclude<GateRule, TokenRule>, records: readonly JudgedRecord[]): Observation[] {
  const { metric } = rule;
  if (metric === 'coverage') return [];
  const groups = new Map<string, TokenRecord[]>();
  for (const { record, brokenHardRules } of records) {
    if (brokenHardRules.size > 0) continue;
    const key = JSON.stringify(rule.scope === 'prompt' ? [record.variant, record.prompt] : [record.variant]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [record]);
    else group.push(record);
  }
  return Array.from(groups.values()).flatMap((group) => {
    const value = aggregateMetricValue(summarizeTokens(group), metric);
    if (value === null) return [];
    const { variant, prompt } = group[0]!;
    const place = { variant, prompt: rule.scope === 'prompt' ? prompt : null, position: null };
    return { value, isBroken: !holds(rule, value), place };
  });
}

function concludeRule(rule: GateRule, observations: readonly Observation[]): RuleResult {
  const worst = findWorst(rule, observations);
  const failures = observations.filter(({ isBroken }) => isBroken).length;
  return {
    ...rule,
    observed: worst?.value ?? null,
    headroom: worst === null || worst.value === null ? null : headroomOf(rule, worst.value),
    status: observations.length === 0 ? 'notTriggered' : failures === 0 ? 'pass' : rule.onBreak,
    judged: observations.length,
    failures,
    worstAt: worst?.place ?? null,
  };
}

/** The first of the worst: a value that does not exist is worse than any, NaN comes next. */
function findWorst({ op }: GateRule, observations: readonly Observation[]): Observation | null {
  const badness = ({ value }: Observation): number => {
    if (value === null || Number.isNaN(value)) return Number.POSITIVE_INFINITY;
    return op === '>=' ? -value : value;
  };
  let worst: Observation | null = null;
  for (const observation of observations) {
    if (worst === null || badness(observation) > badness(worst)) worst = observation;
  }
  return worst;
}

/** 1 - share of the allowed distance from ideal that is used; for limits without any room: 0 kept, -1 broken. */
export function headroomOf(rule: Pick<GateRule, 'op' | 'ideal' | 'threshold'>, value: number): number {
  const allowed = rule.threshold - rule.ideal;
  if (allowed === 0) return holds(rule, value) ? 0 : -1;
  return 1 - (value - rule.ideal) / allowed;
}
