// The gate: from a plan, the judged tokens and the rules to a verdict. A pure function; nothing passes for lack of evidence.

import type { GateRule } from '../record/rules.ts';
import type { TokenKey, TokenRecord } from '../record/token-record.ts';
import type { Coverage, RuleResult, Verdict, VerdictStatus } from '../record/verdict.ts';
import { evaluateCoverage, evaluateRule, type JudgedRecord } from './evaluate-rule.ts';
import { headlineOf } from './headline.ts';
import { findBrokenRules, holds } from './judge-token.ts';
import { tokenMetricValue } from './token-metrics.ts';

/** Tokens that a run set out to judge in one prompt. */
export interface PlannedPrompt {
  readonly variant: string;
  readonly prompt: string;
  /** Positions 0 … tokens-1 are each judged once. */
  readonly tokens: number;
}

export interface GateInput {
  readonly rules: readonly GateRule[];
  readonly plan: readonly PlannedPrompt[];
  /** In order of the run. */
  readonly records: readonly TokenRecord[];
}

/**
 * Judges a run.
 *
 * Token rules are judged per token, prompt rules per prompt, run rules per variant, so that a bad variant cannot hide
 * among good ones. The verdict is `invalid` if a hard rule says so, if nothing was planned or judged, or if a rule for a
 * phase that the run has was never triggered; otherwise `fail` if any rule is broken.
 */
export function evaluateGate({ rules, plan, records }: GateInput): Verdict {
  const judged = records.map((record) => judgeRecord(rules, record));
  const audit = auditCoverage(plan, records);
  const results = rules.map((rule) =>
    rule.metric === 'coverage' ? evaluateCoverage(rule, audit.shares) : evaluateRule(rule, judged),
  );
  const phases = new Set(records.map(({ phase }) => phase));
  const isApplicable = (rule: GateRule): boolean => rule.phase === 'all' || phases.has(rule.phase);
  const neverTriggered = results.filter((rule) => rule.status === 'notTriggered' && isApplicable(rule));
  const evaluated = results.filter(({ status }) => status !== 'notTriggered');
  const coverage: Coverage = {
    promptsPlanned: plan.length,
    promptsJudged: audit.promptsJudged,
    tokensPlanned: plan.reduce((total, { tokens }) => total + tokens, 0),
    tokensJudged: audit.tokensJudged,
    prefill: records.filter(({ phase }) => phase === 'prefill').length,
    decode: records.filter(({ phase }) => phase !== 'prefill').length,
    rulesPlanned: rules.length,
    rulesEvaluated: evaluated.length,
    rulesNeverTriggered: neverTriggered.map(({ id }) => id),
  };
  const isVacuous = coverage.tokensPlanned === 0 || coverage.tokensJudged === 0 || rules.length === 0;
  const status = statusOf(results, isVacuous || !audit.isComplete || neverTriggered.length > 0);
  const draft = {
    status,
    failingRules: results.filter(({ status }) => status === 'fail' || status === 'invalid').map(({ id }) => id),
    firstFailure: findFirstFailure(rules, records),
    worst: findWorstToken(rules, judged),
    coverage,
    rules: results,
  };
  return { ...draft, headline: headlineOf(draft) };
}

function judgeRecord(rules: readonly GateRule[], record: TokenRecord): JudgedRecord {
  const hard = findBrokenRules(rules, record).filter(({ onBreak }) => onBreak === 'invalid');
  return { record, brokenHardRules: new Set(hard.map(({ id }) => id)) };
}

function statusOf(results: readonly RuleResult[], isEvidenceMissing: boolean): VerdictStatus {
  if (isEvidenceMissing || results.some(({ status }) => status === 'invalid')) return 'invalid';
  return results.some(({ status }) => status === 'fail') ? 'fail' : 'pass';
}

interface CoverageAudit {
  /** Every planned token judged exactly once, and none besides. */
  readonly isComplete: boolean;
  readonly tokensJudged: number;
  readonly promptsJudged: number;
  /** Share of planned tokens judged, per variant; 0 where a token was judged twice or was not planned. */
  readonly shares: ReadonlyMap<string, number>;
}

function auditCoverage(plan: readonly PlannedPrompt[], records: readonly TokenRecord[]): CoverageAudit {
  const positionsOf = new Map<string, Set<number>>();
  const strayVariants = new Set<string>();
  const planned = new Map(plan.map((entry) => [keyOf(entry), entry.tokens]));
  for (const record of records) {
    const positions = positionsOf.get(keyOf(record)) ?? new Set<number>();
    positionsOf.set(keyOf(record), positions);
    const isPlanned = record.position < (planned.get(keyOf(record)) ?? 0);
    if (!isPlanned || positions.has(record.position)) strayVariants.add(record.variant);
    else positions.add(record.position);
  }
  const shares = new Map<string, number>();
  for (const variant of new Set([...plan, ...records].map((entry) => entry.variant))) {
    const prompts = plan.filter((entry) => entry.variant === variant);
    const wanted = prompts.reduce((total, { tokens }) => total + tokens, 0);
    const found = prompts.reduce((total, entry) => total + (positionsOf.get(keyOf(entry))?.size ?? 0), 0);
    shares.set(variant, wanted === 0 || strayVariants.has(variant) ? 0 : found / wanted);
  }
  const sizes = Array.from(positionsOf.values(), (positions) => positions.size);
  return {
    isComplete: Array.from(shares.values()).every((share) => share === 1),
    tokensJudged: sizes.reduce((total, size) => total + size, 0),
    promptsJudged: sizes.filter((size) => size > 0).length,
    shares,
  };
}

function keyOf({ variant, prompt }: { readonly variant: string; readonly prompt: string }): string {
  return JSON.stringify([variant, prompt]);
}

function findFirstFailure(rules: readonly GateRule[], records: readonly TokenRecord[]): TokenKey | null {
  const first = records.find((record) => findBrokenRules(rules, record).length > 0);
  return first === undefined ? null : { variant: first.variant, prompt: first.prompt, position: first.position };
}

/** The token to look at first: lowest PCC among the broken ones, else among all; a PCC that does not exist is lowest. */
function findWorstToken(rules: readonly GateRule[], judged: readonly JudgedRecord[]): Verdict['worst'] {
  const broken = judged.filter(({ record }) => findBrokenRules(rules, record).length > 0);
  let worst: Verdict['worst'] = null;
  for (const { record } of broken.length > 0 ? broken : judged) {
    const value = tokenMetricValue(record, 'pcc');
    if (
      worst !== null &&
      (worst.value === null || (value !== null && holds({ op: '>=', threshold: worst.value }, value)))
    ) {
      continue;
    }
    worst = { variant: record.variant, prompt: record.prompt, position: record.position, metric: 'pcc', value };
  }
  return worst;
}
