// Tokens whose verdict the device itself cannot repeat: a limit is no further away than rows that were made twice lie apart.
import type { ExpectedFailure } from '../record/allowances.ts';
import { NO_SPREAD, SPREAD_METRICS, type Spread, type SpreadMetric } from '../record/repeat.ts';
import type { SequenceKey, TokenKey } from '../record/token-record.ts';
import type { RuleOutcome, TokenRule } from './judge-token.ts';
import { isExpected } from './rule-places.ts';
import type { TokenColumns } from './token-columns.ts';

/** Of a variant of a case; undefined where nothing was made twice. */
export type SpreadOf = (key: Pick<SequenceKey, 'case' | 'variant'>) => Spread | undefined;

/** Beside what a token rule says: 4, the spread reaches over its limit. */
export type StableOutcome = RuleOutcome | 4;

/**
 * What each token rule says of a token, in the light of the spread. A spread of 0 leaves every outcome as it is; what was not judged, or is
 * no number, stays so too.
 *
 * @param keyOf - of a token.
 * @param expected - a token that is let fail has no limit to be near to.
 */
export function stableOutcomes(
  columns: TokenColumns,
  rules: readonly TokenRule[],
  keyOf: (token: number) => TokenKey,
  spreadOf: SpreadOf | undefined,
  expected: readonly ExpectedFailure[],
): (rule: number, token: number) => StableOutcome {
  if (spreadOf === undefined) return columns.outcomeOf;
  const spreads = new Map<number, Spread>();
  const spreadAt = (token: number): Spread => {
    const sequence = columns.sequenceOf(token);
    const known = spreads.get(sequence) ?? spreadOf(keyOf(token)) ?? NO_SPREAD;
    spreads.set(sequence, known);
    return known;
  };
  return (index, token) => {
    const outcome = columns.outcomeOf(index, token);
    const { id, metric, threshold } = rules[index]!;
    // A failure that is expected stays one: it decides nothing.
    if (outcome === 0 || outcome === 3 || !isSpreadMetric(metric)) return outcome;
    const spread = spreadAt(token)[metric];
    const value = columns.valueOf(metric, token);
    const isWithin = spread > 0 && value !== null && Math.abs(value - threshold) <= spread;
    return isWithin && !isExpected(expected, id, keyOf(token)) ? 4 : outcome;
  };
}

function isSpreadMetric(metric: string): metric is SpreadMetric {
  return (SPREAD_METRICS as readonly string[]).includes(metric);
}
