// What a rules file allows for a time, in words: loosened rules, expected failures and those that did not happen.
import type { ExpectedResult, Loosening } from '../record/allowances.ts';
import type { BaselineRule, GateRule } from '../record/rules.ts';
import { DEFAULT_PCC_MINIMUM, defaultRules } from './thresholds.ts';

/** Clauses for a headline: short, since a line for each stands in every report. @param isWhole - all that was planned was judged. */
export function describeAllowances(
  rules: readonly (GateRule | BaselineRule)[],
  expected: readonly ExpectedResult[],
  isWhole: boolean,
): string[] {
  const loosened = rules.filter(({ loosening }) => loosening?.isExpired === false).map(({ id }) => id);
  const over = rules.flatMap(({ id, loosening }) =>
    loosening?.isExpired === true ? `${id} (${loosening.expires})` : [],
  );
  const happened = expected.filter(({ found, isExpired }) => found > 0 && !isExpired);
  const count = happened.reduce((sum, { found }) => sum + found, 0);
  const absent = isWhole ? expected.filter(({ found }) => found === 0).map(({ rule }) => rule) : [];
  const unanswered = rules.filter(isLooserByNobody).map(({ id }) => id);
  return [
    ...(unanswered.length === 0
      ? []
      : [`LOOSER than the default, and nobody answers for it: ${unanswered.join(', ')}`]),
    ...(loosened.length === 0 ? [] : [`LOOSENED: ${loosened.join(', ')}`]),
    ...(over.length === 0 ? [] : [`no longer allowed to be loosened: ${over.join(', ')}`]),
    ...(count === 0 ? [] : [`${count} expected ${count === 1 ? 'failure' : 'failures'}`]),
    ...(absent.length === 0 ? [] : [`expected to fail and did not: ${absent.join(', ')}`]),
  ];
}

/**
 * No rules file makes such a rule: a program did, another version, or somebody who changed the log. The minimum of PCC is typed by its user
 * (--threshold).
 */
function isLooserByNobody(rule: GateRule | BaselineRule): boolean {
  const own = DEFAULTS.get(rule.id);
  if (own === undefined || rule.loosening !== undefined || own.metric === 'pcc') return false;
  const isLimitLooser = own.op === '>=' ? !(rule.threshold >= own.threshold) : !(rule.threshold <= own.threshold);
  const isSampleLooser = own.scope !== 'token' && rule.scope !== 'token' && rule.sampleMinimum > own.sampleMinimum;
  return (
    isLimitLooser || isSampleLooser || rule.op !== own.op || rule.metric !== own.metric || rule.onBreak !== own.onBreak
  );
}

const DEFAULTS: ReadonlyMap<string, GateRule> = new Map(
  defaultRules({ pccMinimum: DEFAULT_PCC_MINIMUM }).map((rule) => [rule.id, rule]),
);

/** `kl-mean: loosened until 2027-01-31 by Ada: … (0.1 instead of 0.05)`, or that it is over; null for a rule that is not. */
export function describeLoosening(rule: GateRule | BaselineRule): string | null {
  const { id, loosening } = rule;
  if (loosening === undefined) return null;
  const { expires, owner, reason, isExpired } = loosening;
  const until = isExpired ? `loosened until ${expires}, which is over,` : `loosened until ${expires}`;
  return `${id}: ${until} by ${owner}: ${reason} (${changeWords(rule, loosening)})`;
}

function changeWords(rule: GateRule | BaselineRule, { of, threshold, sampleMinimum }: Loosening): string {
  const before = of === rule.id ? '' : ` of ${of}`;
  const parts = [
    ...(!Number.isFinite(rule.threshold)
      ? [`switched off, the limit${before} is ${threshold}`]
      : rule.threshold === threshold
        ? []
        : [`${rule.threshold} instead of ${threshold}${before}`]),
    ...(sampleMinimum === undefined || rule.scope === 'token'
      ? []
      : [`from ${rule.sampleMinimum} tokens on instead of ${sampleMinimum}`]),
  ];
  return parts.join(', ');
}

/** `pcc-minimum: 2 expected failures, until 2027-01-31, Ada: …`. @param isWhole - all that was planned was judged. */
export function describeExpected(
  { rule, found, expires, owner, reason, isExpired }: ExpectedResult,
  isWhole: boolean,
): string {
  const until = isExpired ? `expected until ${expires}, which is over` : `until ${expires}`;
  if (found === 0) {
    const fate = isWhole ? 'an expected failure did not happen: remove it' : 'no expected failure so far';
    return `${rule}: ${fate} (${until}, ${owner}: ${reason})`;
  }
  const noun = found === 1 ? 'failure' : 'failures';
  return `${rule}: ${found} ${isExpired ? noun : `expected ${noun}`}, ${until}, ${owner}: ${reason}`;
}
