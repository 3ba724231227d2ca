// A self-test on toys: what rules catch, what passes weak ones, what a case is too small for, and what is never counted.
import { describe, expect, it } from 'vitest';
import { ALL_FAULTS } from '../faults/all-faults.ts';
import type { Fault } from '../faults/fault.ts';
import type { FaultMaterial } from '../faults/fault-material.ts';
import { defaultRules } from '../gate/thresholds.ts';
import type { GateRule } from '../record/rules.ts';
import type { RunSpec } from '../record/run-spec.ts';
import type { FaultResult, SelfTestCase } from '../record/selftest-record.ts';
import { noisyToy, toyCase, toyHeader, toySpec } from '../run/toy-run.fixture.ts';
import { concludeFault, unfitResult } from './conclude-fault.ts';
import { concludeSelfTest, isMissed } from './conclude-selftest.ts';
import { judgeSource } from './judge-source.ts';
import { recordRows } from './record-rows.ts';

const fault = (id: string): Fault => ALL_FAULTS.find((one) => one.id === id)!;
const ALL_RULES = defaultRules({ pccMinimum: 0.79 });
const only = (...ids: string[]): GateRule[] => ALL_RULES.filter(({ id }) => ids.includes(id));

async function tried(id: string, rules: readonly GateRule[] = ALL_RULES): Promise<FaultResult> {
  const one = toyCase('toy', { toy: noisyToy });
  const base = toySpec([one]);
  const spec: RunSpec = { ...base, judge: { ...base.judge, rules } };
  const { spec: _, ...header } = toyHeader(spec);
  const rows = await recordRows(one, spec.limits);
  const material = { ...rows, seed: 1, openModel: one.openReference } as unknown as FaultMaterial;
  const opened = await fault(id).open(material);
  if ('unfit' in opened) return unfitResult(fault(id), opened.unfit);
  const open = async () => {
    if ('refuses' in opened) throw opened.refuses;
    return opened;
  };
  const judging = { header, spec, model: {} as never, golden: rows.golden };
  return concludeFault(fault(id), await judgeSource(one, open, judging));
}

describe('a fault', () => {
  it.each([
    { id: 'constant-row', brokenRules: expect.arrayContaining(['not-constant', 'pcc-minimum']), code: null },
    { id: 'nan-10', brokenRules: ['finite'], code: null },
    { id: 'stale-row', brokenRules: expect.arrayContaining(['pcc-minimum']), code: null },
    { id: 'rows-twice', brokenRules: ['coverage'], code: 'SOURCE_CONTRACT' },
    { id: 'refuses', brokenRules: ['coverage'], code: 'DEVICE_FAULT' },
    { id: 'hangs', brokenRules: ['coverage'], code: 'STEP_TIMEOUT' },
    { id: 'other-vocabulary', brokenRules: ['coverage'], code: 'VOCABULARY_DIFFERS' },
  ])('$id is caught by name', async ({ id, brokenRules, code }) => {
    expect(await tried(id)).toMatchObject({ outcome: 'caught', brokenRules, code, passesThreshold: false });
  });

  it('that weak rules let pass is missed', async () => {
    const passed = await tried('gain-0.5', only('coverage', 'pcc-minimum'));
    expect(passed).toMatchObject({ outcome: 'passes', brokenRules: [], passesThreshold: true });
    expect(isMissed(passed)).toBe(true);
  });

  it('that would need more tokens is not judged, and counts neither way', async () => {
    // 36 tokens of 12 each: the rule of 30 tokens a prompt has too few.
    const open = await tried('gain-0.94', only('coverage', 'pcc-minimum', 'gain'));
    expect(open).toMatchObject({ outcome: 'notJudged', tooFewTokens: ['gain'], passesThreshold: true });
    expect(open.reason).toBe('too few tokens for gain');
    expect(isMissed(open)).toBe(false);
  });

  it('of the golden rows themselves passes with a warning, which is told', async () => {
    expect(await tried('golden-rows')).toMatchObject({ outcome: 'told', brokenRules: [] });
  });

  it.each(['late', 'one-buffer', 'offset-5'])('%s is harmless and passes', async (id) => {
    expect(await tried(id)).toMatchObject({ outcome: 'passes', expect: 'harmless' });
  });

  it('that this case cannot have says why', async () => {
    expect(await tried('dead-block')).toMatchObject({
      outcome: 'notJudged',
      reason: 'a vocabulary of 64 has no two blocks of 1024',
      passesThreshold: null,
    });
  });
});

describe('concludeSelfTest', () => {
  const result = (more: Partial<FaultResult>): FaultResult => ({
    ...unfitResult(fault('gain-0.5'), 'x'),
    ...{ reason: null, passesThreshold: false, outcome: 'caught' },
    ...more,
  });
  const conclude = (...faults: FaultResult[]) => concludeSelfTest([{ name: 'a', faults } as unknown as SelfTestCase]);

  it('passes when all that must be caught was', () => {
    expect(conclude(result({}), result({ id: 'may', expect: 'open', outcome: 'passes' }))).toEqual({
      missed: [],
      headline: '1 of 1 faults that must be caught were',
      exitCode: 0,
    });
  });

  it.each([
    { what: 'passes', more: { outcome: 'passes' } },
    { what: 'is told where it must be caught', more: { outcome: 'told' } },
    { what: 'is not told', more: { expect: 'told', outcome: 'passes' } },
  ] as const)('fails by name when one $what', ({ more }) => {
    const { missed, headline, exitCode } = conclude(result({}), result({ id: 'bad', ...more }));
    expect([missed, exitCode]).toEqual([['a › bad'], 1]);
    expect(headline).toContain('these pass: a › bad');
  });

  it('names what could not be judged, and counts it neither way', () => {
    const { headline, exitCode } = conclude(result({}), result({ id: 'small', outcome: 'notJudged' }));
    expect(headline).toBe('1 of 1 faults that must be caught were; 1 cannot be judged on this case: a › small');
    expect(exitCode).toBe(0);
  });

  it('shows nothing when nothing could be judged, or when the golden rows themselves break the rules', () => {
    expect(conclude(result({ outcome: 'notJudged' }))).toMatchObject({ exitCode: 4 });
    const impossible = conclude(result({}), result({ id: 'golden-rows', expect: 'told', outcome: 'caught' }));
    expect(impossible.exitCode).toBe(4);
    expect(impossible.headline).toContain("the reference's own rows break the rules");
  });

  it('says a false alarm', () => {
    const { headline, exitCode } = conclude(result({}), result({ id: 'offset-5', expect: 'harmless' }));
    expect(headline).toContain('false alarm for what is harmless: a › offset-5');
    expect(exitCode).toBe(0);
  });
});
