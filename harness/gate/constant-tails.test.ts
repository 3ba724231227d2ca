// Padding that nobody masked is a tail of constant rows; other constant rows have other causes.
import { describe, expect, it } from 'vitest';
import type { TokenRecord } from '../record/token-record.ts';
import { evaluateGate } from './evaluate-gate.fixture.ts';
import { honest, plan, runWith, shortRunRules, TOKENS, V } from './gate-run.fixture.ts';

/** A run whose device rows from `first` to before `end` are zeros. */
const zeros = (first: number, end = TOKENS): TokenRecord[] =>
  runWith((actual, position) => (position >= first && position < end ? new Float32Array(V) : actual));
const headlineOf = (...users: TokenRecord[][]): string => {
  const records = users.flatMap((tokens, user) => tokens.map((record) => ({ ...record, user })));
  return evaluateGate({ rules: shortRunRules, plan: users.map((_, user) => ({ ...plan[0]!, user })), records })
    .headline;
};
const PADDING = 'padding of a recorded batch? Then give its attention_mask';

describe('constant rows at the end of a sequence', () => {
  it('are taken for padding, with what to do', () => {
    expect(headlineOf(zeros(9))).toContain(`; the last 3 rows of p are constant: ${PADDING} (`);
    expect(headlineOf(zeros(11))).toContain(`; the last row of p is constant: ${PADDING} (`);
  });

  it('are counted over the users of a batch', () => {
    const headline = headlineOf(runWith(honest), zeros(10), zeros(4));
    expect(headline).toContain(`; the last 2 rows of p[1] and the last of 1 sequence more are constant: ${PADDING} (`);
    expect(headlineOf(zeros(8), zeros(9), zeros(10))).toContain('p and the last of 2 sequences more are constant');
  });

  it.each([
    { name: 'none', given: runWith(honest) },
    { name: 'those in the middle', given: zeros(3, 11) },
    { name: 'all: there is no token that is not padding', given: zeros(0) },
  ])('are not seen in $name', ({ given }) => {
    expect(headlineOf(given)).not.toContain('padding');
  });
});
