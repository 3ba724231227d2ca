// The verdict's one sentence: what was judged, what broke and where first, what could not be judged, how near the limits are.
import { promptLabel, type TokenKey } from '../record/token-record.ts';
import type { RulePlace, RuleResult, Verdict } from '../record/verdict.ts';

/**
 * Sentence without the word PASS or FAIL: the status stands beside it wherever it is shown.
 *
 * @param notices - what else a reader must know, each a clause.
 */
export function headlineOf(verdict: Omit<Verdict, 'headline'>, notices: readonly string[]): string {
  const { status, coverage, rules } = verdict;
  const tokens = `${shareOf(coverage.tokensJudged, coverage.tokensPlanned, 'token')} judged`;
  const unjudged = `${describeTooFew(rules)}${describeLeft(coverage)}`;
  const noted = notices.map((notice) => `; ${notice}`).join('');
  if (status === 'invalid') return `comparison invalid: ${describeInvalid(verdict)}${noted} (${tokens}${unjudged})`;
  if (status === 'fail') return `${describeFailures(verdict)}${noted} (${tokens}${unjudged})`;
  return `${tokens}${describePcc(rules)}${describeRoom(rules)}${noted}${unjudged}`;
}

/** Principle first: a broken hard rule explains what the others only suffer from. */
function describeFailures({ rules, firstFailure }: Omit<Verdict, 'headline'>): string {
  const broken = rules.filter(isBrokenByTokens);
  const first = broken.find(({ origin }) => origin === 'hard') ?? broken[0];
  if (first === undefined) return '';
  const others = broken.filter((rule) => rule !== first).map(({ id }) => id);
  const also = others.length === 0 ? '' : `; also ${others.join(', ')}`;
  return `${describeBroken(first)}${describeFirst(first, firstFailure)}${also}`;
}

/** Coverage is the plan's matter and is told as missing evidence. */
function isBrokenByTokens({ status, metric }: RuleResult): boolean {
  return metric !== 'coverage' && (status === 'fail' || status === 'invalid');
}

/** A hard rule that tokens broke explains missing evidence; an accuracy rule does not. */
function describeInvalid(verdict: Omit<Verdict, 'headline'>): string {
  const broken = verdict.rules.filter(isBrokenByTokens);
  const isUntrusted = broken.some(({ status }) => status === 'invalid');
  const missing = describeMissing(verdict, isUntrusted) ?? describeUnstable(verdict.rules);
  if (broken.length === 0) return missing ?? '';
  if (missing === null) return describeFailures(verdict);
  const parts = [describeFailures(verdict), missing];
  return (broken.some(({ origin }) => origin === 'hard') ? parts : parts.reverse()).join('; ');
}

/**
 * What evidence is missing; null if none is.
 *
 * @param isUntrusted - the numbers of tokens cannot be trusted, which is why rules have no evidence.
 */
function describeMissing({ coverage, rules }: Omit<Verdict, 'headline'>, isUntrusted: boolean): string | null {
  if (rules.length === 0) return 'there is no rule';
  if (coverage.tokensPlanned === 0) return 'no token was planned';
  if (coverage.tokensJudged === 0) return 'no token was judged';
  if (coverage.tokensJudged < coverage.tokensPlanned) {
    const missing = coverage.tokensPlanned - coverage.tokensJudged;
    return `${missing} planned ${missing === 1 ? 'token was' : 'tokens were'} not judged`;
  }
  if (rules.some(({ metric, status }) => metric === 'coverage' && status === 'invalid')) {
    return 'tokens were judged twice, out of order, or were not in the plan';
  }
  const { rulesNeverTriggered } = coverage;
  return isUntrusted || rulesNeverTriggered.length === 0
    ? null
    : `rules without any evidence: ${rulesNeverTriggered.join(', ')}`;
}

/** Rules with tokens so near to their limit that the device may say either; null if there are none. */
function describeUnstable(rules: readonly RuleResult[]): string | null {
  const unstable = rules.flatMap(({ id, unstable: tokens = 0 }) =>
    tokens === 0 ? [] : [`${id} at ${tokens} ${tokens === 1 ? 'token' : 'tokens'}`],
  );
  return unstable.length === 0 ? null : `unstable within the measured spread of the device: ${unstable.join(', ')}`;
}

function describeBroken(rule: RuleResult): string {
  if (rule.loosening?.isExpired === true && rule.failures === 0) {
    const { expires, owner, reason } = rule.loosening;
    return `${rule.id}: loosened until ${expires}, which is over, by ${owner}: ${reason}`;
  }
  const where = rule.worstAt === null ? '' : ` at ${describePlace(rule.worstAt)}`;
  const unit = { token: 'token', prompt: 'prompt', run: 'variant' }[rule.scope];
  return `${rule.id}: ${describeObserved(rule)}${where}, ${shareOf(rule.failures, rule.judged, unit)}`;
}

/** `1 of 1 variant`, `1 of 12 tokens` */
export function shareOf(some: number, all: number, noun: string): string {
  return `${some} of ${all} ${noun}${all === 1 ? '' : 's'}`;
}

/** Where things began, unless that is the worst place, which is named already. */
function describeFirst({ worstAt }: RuleResult, first: TokenKey | null): string {
  if (first === null || (worstAt !== null && describePlace(worstAt) === describePlace(first))) return '';
  return `, first broken token at ${describePlace(first)}`;
}

function describeObserved({ metric, observed, op, threshold, status }: RuleResult): string {
  if (observed === null) return `${metric} does not exist`;
  const isKept = status === 'pass';
  const relation = op === '>=' ? (isKept ? '>=' : '<') : isKept ? '<=' : '>';
  return `${metric} ${formatValue(observed)} ${relation} ${formatValue(threshold)}`;
}

/** The variant is left out where the case has only that one: they then have the same name. */
function describePlace({ case: caseName, variant, prompt, user, position }: RulePlace): string {
  const parts = variant === caseName ? [caseName] : [caseName, variant];
  if (prompt !== null) parts.push(promptLabel({ prompt, user: user ?? 0 }));
  if (position !== null) parts.push(`position ${position}`);
  return parts.join(' › ');
}

/** Rules that judged nothing, or not everything, because samples were too small; those with one cause together. */
function describeTooFew(rules: readonly RuleResult[]): string {
  const rulesOf = new Map<string, string[]>();
  for (const rule of rules) {
    if (rule.scope === 'token' || rule.tooFew === 0) continue;
    const unit = rule.scope === 'prompt' ? 'prompt' : 'variant';
    const share = rule.judged === 0 ? '' : ` in ${shareOf(rule.tooFew, rule.tooFew + rule.judged, unit)}`;
    const cause = `${rule.largestTooFew} of at least ${rule.sampleMinimum}${share}`;
    rulesOf.set(cause, [...(rulesOf.get(cause) ?? []), rule.id]);
  }
  const parts = Array.from(rulesOf, ([cause, ids]) => `${ids.join(', ')} (${cause})`);
  return parts.length === 0 ? '' : `; too few tokens for ${parts.join(', ')}`;
}

/** Rules that a part of a plan leaves to the merge. */
function describeLeft({ rulesNotJudgedHere = [] }: Verdict['coverage']): string {
  return rulesNotJudgedHere.length === 0 ? '' : `; not judged here: ${rulesNotJudgedHere.join(', ')}`;
}

function describePcc(rules: readonly RuleResult[]): string {
  const floor = rules.find((rule) => rule.metric === 'pcc');
  if (floor === undefined || floor.observed === null) return '';
  return `, lowest PCC ${formatValue(floor.observed)} (minimum ${formatValue(floor.threshold)})`;
}

function describeRoom(rules: readonly RuleResult[]): string {
  const tightest = tightestRule(rules);
  if (tightest === null) return '';
  const room = (100 * (tightest.headroom ?? 0)).toFixed(0);
  return `; least headroom ${room} % (rule ${tightest.id}: ${describeObserved(tightest)})`;
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
