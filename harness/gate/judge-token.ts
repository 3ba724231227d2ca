// Judges one token by the token rules, while the run goes on.

import type { ExpectedFailure, VariantPlace } from '../record/allowances.ts';
import type { GateRule, TokenMetric } from '../record/rules.ts';
import type { TokenKey, TokenStatus } from '../record/token-record.ts';
import { explainToken, type WhyContext } from './explain-token.ts';
import { appliesTo, isExpected } from './rule-places.ts';
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
  regretNats: 'failFlip',
};

export type TokenRule = Extract<GateRule, { scope: 'token' }>;

export function isTokenRule(rule: GateRule): rule is TokenRule {
  return rule.scope === 'token';
}

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

/** What a token rule said of a token: 0 not judged, 1 kept, 2 broken, 3 broken where the rules file expects it. */
export type RuleOutcome = 0 | 1 | 2 | 3;

export interface TokenOutcomes {
  /** Of each rule, in order. */
  readonly outcomes: readonly RuleOutcome[];
  /** No rule says that the comparison is invalid, so that the token's numbers mean something. */
  readonly isSound: boolean;
}

/** A comparison found invalid is judged only by the rules that can say so: its other numbers mean nothing. */
export function judgeByTokenRules(rules: readonly TokenRule[], facts: TokenFacts & VariantPlace): TokenOutcomes {
  const all = rules.map((rule) => outcomeOf(rule, facts));
  const isSound = !rules.some((rule, i) => rule.onBreak === 'invalid' && all[i] === 2);
  return {
    isSound,
    outcomes: isSound ? all : all.map((outcome, i) => (rules[i]!.onBreak === 'invalid' ? outcome : 0)),
  };
}

function outcomeOf(rule: TokenRule, facts: TokenFacts & VariantPlace): RuleOutcome {
  if (!isRuleForPhase(rule, facts.phase) || !appliesTo(rule, facts)) return 0;
  const isBroken = isTokenRuleBroken(rule, tokenMetricValue(facts, rule.metric));
  return isBroken === null ? 0 : isBroken ? 2 : 1;
}

/**
 * Judges a token for its record: the first broken rule that nobody expects to break names its status.
 *
 * @param expected - of the rules file.
 */
export function judgeToken(
  rules: readonly GateRule[],
  facts: TokenFacts & TokenKey,
  context: WhyContext,
  expected: readonly ExpectedFailure[] = [],
): TokenJudgement {
  const tokenRules = rules.filter(isTokenRule);
  const { outcomes } = judgeByTokenRules(tokenRules, facts);
  const broken = tokenRules.filter((_, i) => outcomes[i] === 2);
  const first = broken.find(({ id }) => !isExpected(expected, id, facts)) ?? broken[0];
  return {
    status: first === undefined ? statusOfSound(facts) : statusOfBroken(first, isExpected(expected, first.id, facts)),
    failedRules: broken.map(({ id }) => id),
    reason: explainToken(facts, first ?? null, context),
  };
}

function statusOfSound({ choice }: TokenFacts): TokenStatus {
  return choice !== null && (choice.flip === 'tie' || choice.flip === 'nearTie') ? 'passNearTie' : 'pass';
}

function statusOfBroken({ metric }: TokenRule, isKnown: boolean): TokenStatus {
  return isKnown ? 'expectedFailure' : STATUS_OF_METRIC[metric];
}

/** Ids of the token rules that a token breaks, expected or not, in the table's order; a token record is facts enough. */
export function brokenTokenRules(rules: readonly GateRule[], facts: TokenFacts & VariantPlace): string[] {
  const tokenRules = rules.filter(isTokenRule);
  const { outcomes } = judgeByTokenRules(tokenRules, facts);
  return tokenRules.filter((_, i) => outcomes[i] === 2).map(({ id }) => id);
}
