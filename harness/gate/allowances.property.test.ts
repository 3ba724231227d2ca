// What a rules file allows, as laws of the gate: loosened for a time only, expected and counted apart, never hiding what is hard.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ExpectedFailure, Loosening } from '../record/allowances.ts';
import type { GateRule } from '../record/rules.ts';
import type { TokenRecord } from '../record/token-record.ts';
import type { Verdict } from '../record/verdict.ts';
import { createGate } from './gate.ts';
import { judgeToken } from './judge-token.ts';
import { recordExample } from './record.fixture.ts';
import { defaultRules } from './thresholds.ts';

/** Samples of one, so that every rule judges these few tokens. */
const RULES = defaultRules({ pccMinimum: 0.79 }).map((rule) =>
  rule.scope === 'token' ? rule : { ...rule, sampleMinimum: 1 },
);
const ADA = { reason: 'a new card', owner: 'Ada', expires: '2027-01-31', isExpired: false } as const;
const PLACE = { case: 'c', variant: 'v' };
const expects = (rule: string, more: Partial<ExpectedFailure> = {}): ExpectedFailure => ({
  rule,
  places: [PLACE],
  ...ADA,
  ...more,
});

function judge(
  records: readonly TokenRecord[],
  { rules = RULES, expected = [] as readonly ExpectedFailure[], isPart = false } = {},
): Verdict {
  const gate = createGate(rules, expected);
  for (const record of records) gate.add(record);
  const counts = new Map<string, { record: TokenRecord; tokens: number }>();
  for (const record of records) {
    const id = JSON.stringify([record.case, record.variant, record.prompt]);
    counts.set(id, { record, tokens: (counts.get(id)?.tokens ?? 0) + 1 });
  }
  const plan = Array.from(counts.values(), ({ record, tokens }) => {
    const { case: name, variant, prompt, user } = record;
    return { case: name, variant, prompt, user, tokens, end: tokens };
  });
  return gate.conclude(plan, isPart);
}

const number = fc.record({
  pcc: fc.double({ min: 0.7, max: 1, noNaN: true }),
  klNats: fc.double({ min: 0, max: 0.3, noNaN: true }),
  rank: fc.integer({ min: 1, max: 30 }),
  gain: fc.double({ min: 0.95, max: 1.05, noNaN: true }),
});
const numbers = fc.array(number, { minLength: 1, maxLength: 8 });
const recordsOf = (given: readonly Parameters<typeof recordExample>[1][]) =>
  given.map((one, position) => recordExample({ position }, one));

const tighter = fc
  .record({ index: fc.nat(RULES.length - 1), by: fc.double({ min: 0, max: 1, noNaN: true }) })
  .map(({ index, by }) =>
    RULES.map((rule, i): GateRule => {
      if (i !== index) return rule;
      return { ...rule, threshold: rule.threshold + by * (rule.ideal - rule.threshold) };
    }),
  );

const ORDER = ['pass', 'fail', 'invalid'];
const severity = ({ status }: Verdict): number => ORDER.indexOf(status);

describe('a tighter rule', () => {
  it('can only turn a pass into a failure', () => {
    fc.assert(
      fc.property(numbers, tighter, (given, rules) => {
        const records = recordsOf(given);
        expect(severity(judge(records, { rules }))).toBeGreaterThanOrEqual(severity(judge(records)));
      }),
      { numRuns: 300 },
    );
  });
});

describe('a loosened rule', () => {
  const loosening: Loosening = { of: 'kl-mean', threshold: 0.05, ...ADA };
  const rulesWith = (more: Partial<Loosening>) =>
    RULES.map((rule) =>
      rule.id === 'kl-mean' ? { ...rule, threshold: 0.1, loosening: { ...loosening, ...more } } : rule,
    );
  const damaged = recordsOf([{ klNats: 0.08 }]);

  it('lets pass what the default would not, and says so', () => {
    expect(judge(damaged).failingRules).toEqual(['kl-mean']);
    const verdict = judge(damaged, { rules: rulesWith({}) });
    expect(verdict.status).toBe('pass');
    expect(verdict.headline).toContain('LOOSENED: kl-mean');
  });

  it('is broken by name when its day is over, whatever the tokens say', () => {
    fc.assert(
      fc.property(numbers, fc.boolean(), (given, isPart) => {
        const verdict = judge(recordsOf(given), { rules: rulesWith({ isExpired: true }), isPart });
        expect(verdict.status).not.toBe('pass');
        expect(verdict.failingRules).toContain('kl-mean');
        expect(verdict.headline).toContain('2027-01-31');
      }),
      { numRuns: 50 },
    );
  });

  it('that is switched off still shows what was seen', () => {
    const off = RULES.map((rule) =>
      rule.id === 'golden-rank' ? { ...rule, threshold: Number.POSITIVE_INFINITY, loosening } : rule,
    );
    const verdict = judge(recordsOf([{ rank: 500, flip: 'none' }]), {
      rules: off.filter(({ scope }) => scope === 'token'),
    });
    expect(verdict.rules.find(({ id }) => id === 'golden-rank')).toMatchObject({ observed: 500, status: 'pass' });
  });
});

describe('an expected failure', () => {
  const low = recordsOf([{ pcc: 0.9 }, { pcc: 0.5 }, { pcc: 0.6 }]);
  const rules = RULES.filter(({ metric }) => metric === 'pcc' || metric === 'coverage' || metric === 'nonFinite');

  it('of tokens is counted apart and fails nothing', () => {
    const verdict = judge(low, { rules, expected: [expects('pcc-minimum')] });
    expect(verdict).toMatchObject({ status: 'pass', failingRules: [], firstFailure: null });
    expect(verdict.expected).toEqual([{ ...expects('pcc-minimum'), found: 2, worst: 0.5 }]);
    expect(verdict.rules.find(({ id }) => id === 'pcc-minimum')).toMatchObject({
      ...{ status: 'pass', judged: 3, failures: 0, expected: 2, observed: 0.9 },
    });
    expect(verdict.headline).toContain('2 expected failures');
  });

  it.each([
    { where: 'other positions', more: { positions: [0, 1] as const }, found: 1 },
    { where: 'another prompt', more: { prompt: 'q*' }, found: 0 },
    { where: 'another variant', more: { places: [{ case: 'c', variant: 'w' }] }, found: 0 },
    { where: 'a day that is over', more: { isExpired: true }, found: 2 },
  ])('for $where excuses no more than that', ({ more, found }) => {
    const verdict = judge(low, { rules, expected: [expects('pcc-minimum', more)] });
    expect(verdict.status).toBe('fail');
    expect(verdict.expected?.[0]?.found).toBe(found);
  });

  it('of a prompt or a variant is counted apart too', () => {
    const wrong = recordsOf([{ gain: 0.5, klNats: 0.3 }]);
    const all = RULES.filter(({ scope }) => scope !== 'token').map(({ id }) => id);
    const broken = judge(wrong).failingRules;
    expect(broken.length).toBeGreaterThan(2);
    const expected = broken.filter((id) => all.includes(id)).map((rule) => expects(rule));
    const verdict = judge(wrong, { expected });
    expect(verdict.status).toBe('pass');
    expect(verdict.expected?.map(({ found }) => found)).toEqual(expected.map(() => 1));
  });

  it('that does not happen is said, once all of the plan was judged', () => {
    const expected = [expects('pcc-minimum')];
    const good = recordsOf([{ pcc: 0.99 }]);
    const says = 'expected to fail and did not: pcc-minimum';
    expect(judge(good, { rules, expected }).headline).toContain(says);
    expect(judge(good, { rules, expected, isPart: true }).headline).not.toContain(says);
  });

  it('hides no invalid row', () => {
    const nan = { ...low[1]!, hygiene: { ...low[1]!.hygiene, nan: { golden: 0, actual: 7 } } };
    const verdict = judge([low[0]!, nan], { rules, expected: [expects('pcc-minimum')] });
    expect(verdict).toMatchObject({ status: 'invalid', failingRules: ['finite'] });
    expect(verdict.expected?.[0]?.found).toBe(0);
  });

  it('can only turn a failure into a pass, and never one that it does not name', () => {
    fc.assert(
      fc.property(numbers, fc.subarray(['pcc-minimum', 'golden-rank', 'kl-mean', 'gain']), (given, ids) => {
        const records = recordsOf(given);
        const [plain, excused] = [judge(records), judge(records, { expected: ids.map((id) => expects(id)) })];
        expect(excused.failingRules).toEqual(plain.failingRules.filter((id) => !ids.includes(id)));
      }),
      { numRuns: 200 },
    );
  });

  it('names the status of its token, unless the token breaks another rule too', () => {
    const words = { logitsFormat: 'BFP8_B' };
    const statusOf = (record: TokenRecord) => judgeToken(RULES, record, words, [expects('pcc-minimum')]);
    expect(statusOf(recordExample({}, { pcc: 0.5 }))).toMatchObject({
      status: 'expectedFailure',
      failedRules: ['pcc-minimum'],
      reason: expect.stringContaining('PCC 0.5 < 0.79'),
    });
    expect(statusOf(recordExample({}, { pcc: 0.5, rank: 30 }))).toMatchObject({
      status: 'failRank',
      failedRules: ['pcc-minimum', 'golden-rank'],
    });
  });
});

describe('a rule of some variants', () => {
  const records = ['v', 'w'].flatMap((variant) =>
    [0, 1].map((position) => recordExample({ variant, position }, { pcc: variant === 'v' ? 0.99 : 0.8 })),
  );
  const place = (variant: string) => ({ places: [{ case: 'c', variant }] });
  const token = RULES.find(({ id }) => id === 'pcc-minimum')!;
  const run = RULES.find(({ id }) => id === 'pcc-median-short')!;

  it('judges no token of another', () => {
    const rules = (['v', 'w'] as const).flatMap((variant): GateRule[] => [
      { ...token, id: `token-${variant}`, threshold: 0.95, ...place(variant) },
      { ...run, id: `run-${variant}`, ...place(variant) },
    ]);
    const verdict = judge(records, { rules });
    expect(verdict.failingRules).toEqual(['token-w', 'run-w']);
    expect(verdict.rules.map(({ judged }) => judged)).toEqual([2, 1, 2, 1]);
  });

  it('is no rule without evidence where the variant has none of its phase, or is in another part', () => {
    const decode = judge(records, { rules: [{ ...token, phase: 'decode', ...place('v') }] });
    const elsewhere = judge(records, { rules: [{ ...token, ...place('x') }], isPart: true });
    expect([decode.status, elsewhere.status]).toEqual(['pass', 'pass']);
    const lost = judge(
      records.slice(0, 2).map((one) => ({ ...one, choice: null })),
      {
        rules: [{ ...RULES.find(({ id }) => id === 'golden-rank')!, ...place('v') }],
      },
    );
    expect(lost.status).toBe('invalid');
  });
});
