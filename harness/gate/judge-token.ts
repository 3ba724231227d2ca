// Judges one token by the token rules, while the run goes on.

import type { GateRule, TokenMetric } from '../record/rules.ts';
import type { TokenStatus } from '../record/token-record.ts';
import { explainToken, type WhyContext } from './explain-token.ts';
import { type TokenFacts, tokenMetricValue } from './token-metrics.ts';

export interface TokenJudgement {
  readonly status: TokenStatus;
  readonly failedRules: readonly string[];
  readonly reason: string | null;
}

const STATUS_OF_METRIC: Readonly<Record<TokenMetric, TokenStatus>> = {
  contextMismatch: 'contextDiverged',
  nonFinite: 'invalidNonFinite',
  constant: 'undefinedConstant',
  pcc: 'failPcc',
  goldenRankOnActual: 'failRank',
  klNats: 'failKl',
  gainDeviation: 'failGain',
};

export type TokenRule = Extract<GateRule, { scope: 'token' }>;

/** Whether a rule is for tokens of this phase. */
export function isRuleForPhase(rule: GateRule, phase: TokenFacts['phase']): boolean {
  return rule.phase === 'all' || rule.phase === phase;
}

/**
 * What a rule says about a token: null if there is nothing to judge.
 *
 * A PCC that does not exist is broken, never skipped; other metrics are absent only where a hard rule is broken already.
 */
export function isTokenRuleBroken(rule: TokenRule, value: number | null): boolean | null {
  if (value === null) return rule.metric === 'pcc' ? true : null;
  return !holds(rule, value);
}

/** True if the value keeps the rule; NaN never does. */
export function holds({ op, threshold }: Pick<GateRule, 'op' | 'threshold'>, value: number): boolean {
  return op === '>=' ? value >= threshold : value <= threshold;
}

/**
 * The rules that a token breaks, in the table's order. A comparison found invalid is not judged further: its other
 * numbers mean nothing.
 */
export function findBrokenRules(rules: readonly GateRule[], facts: TokenFacts): TokenRule[] {
  const broken: TokenRule[] = [];
  for (const rule of rules) {
    if (rule.scope !== 'token' || !isRuleForPhase(rule, facts.phase)) continue;
    if (isTokenRuleBroken(rule, tokenMetricValue(facts, rule.metric)) !== true) continue;
    broken.push(rule);
    if (rule.onBreak === 'invalid') break;
  }
  return broken;
}

export function judgeToken(rules: readonly GateRule[], facts: TokenFacts, context: WhyContext): TokenJudgement {
  const broken = findBrokenRules(rules, facts);
  const [first] = broken;
  const hasFlipped = facts.choice !== null && (facts.choice.flip === 'tie' || facts.choice.flip === 'nearTie');
  return {
    status: first === undefined ? (hasFlipped ? 'passNearTie' : 'pass') : STATUS_OF_METRIC[first.metric],
    failedRules: broken.map(({ id }) => id),
    reason: explainToken(facts, first ?? null, context),
  };
}
