// A line a fault: what was wanted, a letter for each rule that broke, and words; the threshold's sentence; a last line for machines.
import { Chalk } from 'chalk';
import { describe, expect, it } from 'vitest';
import { defaultRules } from '../gate/thresholds.ts';
import type { FaultResult, SelfTestRecord } from '../record/selftest-record.ts';
import { selfTestText } from './selftest-text.ts';

const fault = (id: string, more: Partial<FaultResult> = {}): FaultResult => ({
  ...{ id, name: `name of ${id}`, kind: 'values', standsFor: 'a', source: 'b', expect: 'caught', why: 'no reason' },
  ...{ outcome: 'caught', brokenRules: [], code: null, tooFewTokens: [], reason: null },
  ...{ passesThreshold: false, pccMin: 0.5, klMean: 1 },
  ...more,
});

const info = { label: 'the device', model: 'tiny' } as never;

function textOf(...faults: FaultResult[]): string {
  const rules = defaultRules({ pccMinimum: 0.79 }).slice(0, 5);
  const record: SelfTestRecord = {
    ...{ schemaVersion: '1.0.0', tool: { name: 'qwen-pcc', version: '0', gitSha: null }, command: 'x', seed: 1 },
    ...{
      pccSemantics: 'strict',
      pccMinimum: 0.79,
      rules,
      missed: ['a › c'],
      damage: [{ rule: 'finite', faults: 3, passes: ['x', 'y'] }],
      headline: 'said',
      exitCode: 1,
    },
    cases: [
      {
        ...{ name: 'a', model: 'tiny', reference: info, device: info, vocabSize: 4, prompts: ['p'], tokens: 9 },
        ...{ honest: { outcome: 'passes', brokenRules: [] }, faults },
      },
    ],
  };
  return selfTestText(record, new Chalk({ level: 0 }));
}

describe('selfTestText', () => {
  it('has a letter for each rule that broke, and the first of them in words', () => {
    const text = textOf(fault('x', { brokenRules: ['finite', 'pcc-minimum'] }));
    expect(text).toContain('A contract · B same-context · C finite · D coverage · E not-constant · F pcc-minimum');
    expect(text).toMatch(/name of x +must +··C··F {2}caught by finite/);
  });

  it.each([
    { what: 'a fault that passes', more: { outcome: 'passes' }, line: /must +······ {2}PASSES$/m },
    { what: 'a device error', more: { code: 'STEP_TIMEOUT' }, line: /must +A····· {2}caught by STEP_TIMEOUT$/m },
    {
      what: 'too few tokens',
      more: { outcome: 'notJudged', reason: 'too few tokens for finite', tooFewTokens: ['finite'] },
      line: /must +··\?··· {2}not judged: too few tokens for finite$/m,
    },
    { what: 'what is harmless', more: { expect: 'harmless', outcome: 'passes' }, line: /passes: harmless$/m },
    {
      what: 'a false alarm',
      more: { expect: 'harmless', brokenRules: ['finite'] },
      line: /caught by finite, though harmless$/m,
    },
    { what: 'a warning', more: { expect: 'told', outcome: 'told' }, line: /passes, with a warning in the verdict$/m },
  ] as const)('shows $what', ({ more, line }) => {
    expect(textOf(fault('x', more))).toMatch(line);
  });

  it('says how many faults pass each rule alone', () => {
    expect(textOf(fault('x'))).toContain('faults that pass a rule if it stands alone\n  finite 2 of 3\n');
  });

  it('says what the threshold alone would let pass of those that must be caught', () => {
    const passes = { passesThreshold: true };
    const text = textOf(fault('x', passes), fault('y', passes), fault('z'), fault('w', { ...passes, expect: 'open' }));
    expect(text).toContain('--threshold 0.79 alone (strict) would let these 2 faults of 3 pass: x, y.');
    expect(textOf(fault('z'))).toContain('would let none of 1 fault pass that must be caught.');
  });

  it('ends with the verdict and a line for machines', () => {
    expect(textOf(fault('x'), fault('c', { outcome: 'passes' }))).toMatch(
      /FAIL {2}said\n2 faults: 1 caught, 1 missed\n$/,
    );
  });
});
