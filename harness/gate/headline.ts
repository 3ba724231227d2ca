// The verdict's one sentence: what was judged, what broke first, and how near the nearest limit is.
import type { RuleResult, Verdict } from '../record/verdict.ts';

/** Sentence without the word PASS or FAIL: the status stands beside it wherever it is shown. */
export function headlineOf(verdict: Omit<Verdict, 'headline'>): string {
  const { status, coverage, rules } = verdict;
  const tokens = `${coverage.tokensJudged} of ${coverage.tokensPlanned} tokens judged`;
  if (status === 'invalid') return `comparison invalid: ${describeInvalid(verdict)} (${tokens})`;
  const broken = rules.filter((rule) => rule.status === 'fail');
  if (broken.length > 0) {
    const others = broken.slice(1).map(({ id }) => id);
    const also = others.length === 0 ? '' : `; also ${others.join(', ')}`;
    return `${describeBroken(broken[0]!)}${also} (${tokens})`;
  }
  const tightest = tightestRule(rules);
  const room =
    tightest === null
      ? ''
      : `; least headroom ${(100 * (tightest.headroom ?? 0)).toFixed(0)} % (rule ${tightest.id}: ${describeObserved(tightest)})`;
  return `${tokens}${describePcc(rules)}${room}`;
}

function describeInvalid({ coverage, rules }: Omit<Verdict, 'headline'>): string {
  const hard = rules.find((rule) => rule.status === 'invalid' && rule.metric !== 'coverage');
  if (hard !== undefined) return describeBroken(hard);
  if (rules.length === 0) return 'there is no rule';
  if (coverage.tokensPlanned === 0) return 'no token was planned';
  if (coverage.tokensJudged === 0) return 'no token was judged';
  if (coverage.tokensJudged < coverage.tokensPlanned) {
    return `${coverage.tokensPlanned - coverage.tokensJudged} planned tokens were not judged`;
  }
  const coverageRule = rules.find((rule) => rule.metric === 'coverage');
  if (coverageRule?.status === 'invalid') return 'tokens were judged twice or were not in the plan';
  return `rules without any evidence: ${coverage.rulesNeverTriggered.join(', ')}`;
}

function describeBroken(rule: RuleResult): string {
  const what = `${rule.id}: ${describeObserved(rule)}`;
  const where = rule.worstAt === null ? '' : ` at ${describePlace(rule.worstAt)}`;
  const unit = { token: 'tokens', prompt: 'prompts', run: 'variants' }[rule.scope];
  return `${what}${where}, ${rule.failures} of ${rule.judged} ${unit}`;
}

function describeObserved({ metric, observed, op, threshold, status }: RuleResult): string {
  if (observed === null) return `${metric} does not exist`;
  const isKept = status === 'pass';
  const relation = op === '>=' ? (isKept ? '>=' : '<') : isKept ? '<=' : '>';
  return `${metric} ${formatValue(observed)} ${relation} ${formatValue(threshold)}`;
}

function describePlace({ variant, prompt, position }: NonNullable<RuleResult['worstAt']>): string {
  const parts = [variant, ...(prompt === null ? [] : [prompt])].join(' › ');
  return position === null ? parts : `${parts} › position ${position}`;
}

function describePcc(rules: readonly RuleResult[]): string {
  const floor = rules.find((rule) => rule.metric === 'pcc');
  if (floor === undefined || floor.observed === null) return '';
  return `, lowest PCC ${formatValue(floor.observed)} (minimum ${formatValue(floor.threshold)})`;
}

/** Rules with room to lose; hard limits have none by nature. */
function tightestRule(rules: readonly RuleResult[]): RuleResult | null {
  let tightest: RuleResult | null = null;
  for (const rule of rules) {
    if (rule.headroom === null || rule.threshold === rule.ideal) continue;
    if (tightest === null || rule.headroom < (tightest.headroom ?? 0)) tightest = rule;
  }
  return tightest;
}

/** Five decimals where PCCs differ in them, else four significant digits. */
function formatValue(value: number): string {
  if (!Number.isFinite(value) || Number.isInteger(value)) return String(value);
  return Math.abs(value) > 0.9 && Math.abs(value) < 1 ? value.toFixed(5) : String(Number(value.toPrecision(4)));
}
