// What a rules file allows for a time, in words: loosened rules, expected failures and those that did not happen.
import type { ExpectedResult, Loosening } from '../record/allowances.ts';
import type { BaselineRule, GateRule } from '../record/rules.ts';

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
  return [
    ...(loosened.length === 0 ? [] : [`LOOSENED: ${loosened.join(', ')}`]),
    ...(over.length === 0 ? [] : [`no longer allowed to be loosened: ${over.join(', ')}`]),
    ...(count === 0 ? [] : [`${count} expected ${count === 1 ? 'failure' : 'failures'}`]),
    ...(absent.length === 0 ? [] : [`expected to fail and did not: ${absent.join(', ')}`]),
  ];
}

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
