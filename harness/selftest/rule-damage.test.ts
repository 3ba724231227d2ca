// The faults that pass a rule alone: those that must be caught and did not break it, whatever else did.
import { expect, it } from 'vitest';
import { defaultRules } from '../gate/thresholds.ts';
import type { FaultResult, SelfTestCase } from '../record/selftest-record.ts';
import { damageOf, damageOfRules, type TriedCase } from './rule-damage.ts';

const fault = (id: string, brokenRules: readonly string[], more: Partial<FaultResult> = {}): FaultResult =>
  ({ id, expect: 'caught', outcome: 'caught', code: null, tooFewTokens: [], brokenRules, ...more }) as FaultResult;
const FAULTS = [
  fault('a', ['pcc-minimum']),
  fault('b', ['kl-mean', 'pcc-minimum']),
  fault('c', [], { outcome: 'passes' }),
  fault('hangs', ['coverage'], { code: 'STEP_TIMEOUT' }),
  fault('harmless', ['pcc-minimum'], { expect: 'harmless' }),
  fault('unfit', [], { outcome: 'notJudged' }),
  fault('short', [], { outcome: 'passes', tooFewTokens: ['kl-mean'] }),
];
const one = (more: Partial<TriedCase> = {}): TriedCase => ({
  name: 'g',
  variant: 'v',
  faults: FAULTS,
  unjudged: [],
  ...more,
});
const RULES = defaultRules({ pccMinimum: 0.79 }).filter(({ id }) => id === 'pcc-minimum' || id === 'kl-mean');

it('counts what a rule was asked, and names what passed it', () => {
  expect(damageOfRules(RULES, [one()])).toEqual([
    { rule: 'pcc-minimum', faults: 4, passes: ['c', 'short'] },
    { rule: 'kl-mean', faults: 3, passes: ['a', 'c'] },
  ]);
});

it('lets pass what passes in any case, and leaves out what the rule is not for or could not judge', () => {
  const cases = [one({ name: 'h', faults: [fault('a', [])] }), one({ unjudged: ['kl-mean'] })];
  expect(damageOfRules(RULES, cases)).toEqual([
    { rule: 'pcc-minimum', faults: 4, passes: ['a', 'c', 'short'] },
    { rule: 'kl-mean', faults: 1, passes: ['a'] },
  ]);
  const elsewhere = RULES.map((rule) => ({ ...rule, places: [{ case: 'g', variant: 'w' }] }));
  expect(damageOfRules(elsewhere, cases)).toEqual([]);
});

it('is written with what it was found on', () => {
  const cases = [{ name: 'g', model: 'tiny', prompts: ['p', 'q'], tokens: 9 } as unknown as SelfTestCase];
  expect(damageOf({ rule: 'x', faults: 3, passes: ['a'] }, cases, '2026-11-26')).toEqual({
    ...{ on: 'g (tiny), 2 prompts, 9 tokens', date: '2026-11-26', faults: 3, passes: ['a'] },
  });
});
