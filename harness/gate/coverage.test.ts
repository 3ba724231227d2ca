// Coverage: what is missing, came twice or was not planned makes a run invalid, a variant at a time.
import { describe, expect, it } from 'vitest';
import type { TokenRecord } from '../record/token-record.ts';
import { createGate } from './gate.ts';
import type { PlannedSequence } from './judged-sequences.ts';
import { recordExample } from './record.fixture.ts';
import { defaultRules } from './thresholds.ts';

const rules = defaultRules({ pccMinimum: 0.79 });
const planned = (prompt: string, tokens: number, changes: Partial<PlannedSequence> = {}): PlannedSequence => ({
  case: 'c',
  variant: 'v',
  prompt,
  user: 0,
  tokens,
  end: tokens,
  ...changes,
});
const rowsOf = (prompt: string, positions: readonly number[], changes: Partial<TokenRecord> = {}) =>
  positions.map((position) => ({ ...recordExample({ prompt, position }), ...changes }));
const conclude = (plan: readonly PlannedSequence[], records: readonly TokenRecord[]) => {
  const gate = createGate(rules);
  for (const record of records) gate.add(record);
  return gate.conclude(plan);
};

describe('coverage', () => {
  it.each([
    { name: 'all positions', plan: [planned('p', 3)], records: rowsOf('p', [0, 1, 2]) },
    { name: 'only the positions that were planned', plan: [planned('p', 2, { end: 9 })], records: rowsOf('p', [4, 8]) },
    {
      name: 'the same prompt for two users',
      plan: [planned('p', 1), planned('p', 1, { user: 1 })],
      records: [...rowsOf('p', [0]), ...rowsOf('p', [0], { user: 1 })],
    },
    {
      name: 'two variants of a case',
      plan: [planned('p', 1), planned('p', 1, { variant: 'w' })],
      records: [...rowsOf('p', [0]), ...rowsOf('p', [0], { variant: 'w' })],
    },
    {
      name: 'two cases',
      plan: [planned('p', 1), planned('p', 1, { case: 'd' })],
      records: [...rowsOf('p', [0]), ...rowsOf('p', [0], { case: 'd' })],
    },
  ])('is whole with $name', ({ plan, records }) => {
    const verdict = conclude(plan, records);
    expect(verdict.status).toBe('pass');
    expect(verdict.rules.find(({ id }) => id === 'coverage')).toMatchObject({ status: 'pass', observed: 1 });
    expect(verdict.coverage).toMatchObject({
      promptsPlanned: plan.length,
      promptsJudged: plan.length,
      tokensPlanned: records.length,
      tokensJudged: records.length,
    });
  });

  it.each([
    { name: 'a missing token', plan: [planned('p', 3)], records: rowsOf('p', [0, 1]), share: 2 / 3, judged: 2 },
    {
      name: 'a missing prompt',
      plan: [planned('p', 1), planned('q', 3)],
      records: rowsOf('p', [0]),
      share: 0.25,
      judged: 1,
    },
    { name: 'a token judged twice', plan: [planned('p', 2)], records: rowsOf('p', [0, 1, 1]), share: 0, judged: 2 },
    { name: 'tokens out of order', plan: [planned('p', 3)], records: rowsOf('p', [0, 2, 1]), share: 0, judged: 2 },
    { name: 'a token beyond the end', plan: [planned('p', 2)], records: rowsOf('p', [0, 2]), share: 0, judged: 2 },
    {
      name: 'a token at the end',
      plan: [planned('p', 2, { end: 1 })],
      records: rowsOf('p', [0, 1]),
      share: 0,
      judged: 2,
    },
    {
      name: 'more tokens than planned',
      plan: [planned('p', 1, { end: 9 })],
      records: rowsOf('p', [0, 1]),
      share: 0,
      judged: 2,
    },
    { name: 'a negative position', plan: [planned('p', 1)], records: rowsOf('p', [-1, 0]), share: 0, judged: 1 },
    { name: 'a position between two', plan: [planned('p', 2)], records: rowsOf('p', [0, 0.5]), share: 0, judged: 1 },
    {
      name: 'a prompt that nobody planned',
      plan: [planned('p', 1)],
      records: [...rowsOf('p', [0]), ...rowsOf('q', [0])],
      share: 0,
      judged: 2,
    },
    {
      name: 'a user that nobody planned',
      plan: [planned('p', 1)],
      records: [...rowsOf('p', [0]), ...rowsOf('p', [0], { user: 1 })],
      share: 0,
      judged: 2,
    },
    {
      name: 'a prompt that is planned twice',
      plan: [planned('p', 1), planned('p', 1)],
      records: rowsOf('p', [0]),
      share: 0,
      judged: 1,
    },
    { name: 'a prompt of no tokens alone', plan: [planned('p', 0)], records: [], share: 0, judged: 0 },
  ])('is broken by $name', ({ plan, records, share, judged }) => {
    const verdict = conclude(plan, records);
    expect(verdict.status).toBe('invalid');
    expect(verdict.failingRules).toContain('coverage');
    expect(verdict.rules.find(({ id }) => id === 'coverage')?.observed).toBeCloseTo(share, 12);
    expect(verdict.coverage.tokensJudged).toBe(judged);
  });

  it('of one variant is not made up by another’s', () => {
    const verdict = conclude(
      [planned('p', 2), planned('p', 2, { variant: 'w' })],
      [...rowsOf('p', [0, 1, 2, 3]), ...rowsOf('p', [], { variant: 'w' })],
    );
    expect(verdict.status).toBe('invalid');
    expect(verdict.rules.find(({ id }) => id === 'coverage')).toMatchObject({ judged: 2, failures: 2 });
  });

  it('counts a prompt of no tokens among others as whole', () => {
    expect(conclude([planned('p', 1), planned('q', 0)], rowsOf('p', [0])).status).toBe('pass');
  });

  it.each([
    { name: 'a missing token', plan: [planned('p', 2)], records: rowsOf('p', [0]) },
    {
      name: 'a variant of which nothing came',
      plan: [planned('p', 1), planned('p', 1, { variant: 'w' })],
      records: rowsOf('p', [0]),
    },
    { name: 'nothing planned', plan: [], records: rowsOf('p', [0]) },
    { name: 'nothing judged', plan: [planned('p', 1)], records: [] },
  ])('is asked for even where no rule asks for it: $name is invalid', ({ plan, records }) => {
    const gate = createGate(rules.filter(({ metric }) => metric === 'pcc'));
    for (const record of records) gate.add(record);
    expect(gate.conclude(plan).status).toBe('invalid');
  });

  it('says which phases were judged', () => {
    const phases = ['prefill', 'prefill', 'prefill', 'firstDecode', 'decode'] as const;
    const records = phases.map((phase, position) => recordExample({ position }, { phase }));
    expect(conclude([planned('p', 5)], records).coverage).toMatchObject({ prefill: 3, decode: 2 });
  });
});
