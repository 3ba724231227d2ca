import { describe, expect, it } from 'vitest';
import { goldenRowExample, noisyRowExample } from '../metrics/random-rows.fixture.ts';
import type { GateRule } from '../record/rules.ts';
import type { TokenRecord } from '../record/token-record.ts';
import type { RuleResult, Verdict } from '../record/verdict.ts';
import { evaluateGate } from './evaluate-gate.fixture.ts';
import { headroomOf } from './evaluate-rule.ts';
import { EXIT_CODE_OF_VERDICT } from './exit-code.ts';
import { at5, honest, plan, runWith, type Sabotage, shortRunRules, TOKENS, V } from './gate-run.fixture.ts';
import type { PlannedSequence } from './judged-sequences.ts';

const rules = shortRunRules;
const evaluate = (
  records: readonly TokenRecord[],
  changes: { rules?: readonly GateRule[]; plan?: readonly PlannedSequence[] } = {},
) => evaluateGate({ rules, plan, records, ...changes });
const resultOf = (verdict: Verdict, id: string): RuleResult => verdict.rules.find((rule) => rule.id === id)!;

/** Entry 7 is golden's best, 14 the second, 70 the tenth. */
const exchange =
  (id: number): Sabotage =>
  (actual) =>
    actual.map((value, i) => (i === 7 ? actual[id]! : i === id ? actual[7]! : value));

describe('the default gate', () => {
  it('passes an honest device, triggers every rule, and states the room that is left', () => {
    const verdict = evaluate(runWith(honest));
    expect(verdict).toMatchObject({ status: 'pass', failingRules: [], firstFailure: null });
    expect(verdict.coverage).toMatchObject({ tokensJudged: TOKENS, prefill: 8, decode: 4, rulesNeverTriggered: [] });
    for (const rule of verdict.rules) expect(rule.headroom).toBeGreaterThanOrEqual(0);
    expect(verdict.headline).toMatch(
      /^12 of 12 tokens judged, lowest PCC 0\.99\d+ \(minimum 0\.79\); least headroom \d+ %/,
    );
  });

  it.each([
    {
      name: 'noise of the signal’s size in one token',
      sabotage: at5((_, position, golden) => noisyRowExample(golden, 5, position)),
      status: 'fail',
      rule: 'pcc-minimum',
      token: 'failPcc',
      reason: /^PCC 0\.\d+ < 0\.79: gain/,
    },
    {
      name: 'another token’s row',
      sabotage: at5(() => goldenRowExample(V, 999).reverse()),
      status: 'fail',
      rule: 'pcc-minimum',
      token: 'failPcc',
      reason: /^PCC -?0\.\d+ < 0\.79/,
    },
    {
      name: 'the ten best tokens at zero, which PCC does not see',
      sabotage: at5((actual) => actual.map((value, i) => (i % 7 === 0 && i > 0 && i <= 70 ? 0 : value))),
      status: 'fail',
      rule: 'golden-rank',
      token: 'failRank',
      reason: /^golden's token token 7 ranks \d+ on the device, allowed \d+; flip: golden token 7 20 vs device token/,
    },
    {
      name: 'a constant block',
      sabotage: at5((actual) => actual.map((value, i) => (i >= 2048 && i < 3072 ? 0.5 : value))),
      status: 'fail',
      rule: 'not-constant',
      token: 'undefinedConstant',
      reason: /^the device's logits 2048 to 3071 are all 0\.5$/,
    },
    {
      name: 'a constant row',
      sabotage: at5(() => new Float32Array(V).fill(1)),
      status: 'fail',
      rule: 'not-constant',
      token: 'undefinedConstant',
      reason: /^all 4096 of the device's logits are equal/,
    },
    {
      name: '30 % NaN',
      sabotage: at5((actual) => actual.map((value, i) => (i % 10 < 3 ? Number.NaN : value))),
      status: 'invalid',
      rule: 'finite',
      token: 'invalidNonFinite',
      reason: /^30\.0 % of the device's logits are NaN$/,
    },
  ] satisfies {
    name: string;
    sabotage: Sabotage;
    status: Verdict['status'];
    rule: string;
    token: string;
    reason: RegExp;
  }[])('goes red by $rule for $name, and names position 5', ({ sabotage, status, rule, token, reason }) => {
    const records = runWith(sabotage);
    const verdict = evaluate(records);
    expect(verdict.status).toBe(status);
    expect(verdict.failingRules).toContain(rule);
    expect(verdict.firstFailure).toEqual({ case: 'c', variant: 'v', prompt: 'p', user: 0, position: 5 });
    expect(resultOf(verdict, rule).worstAt?.position).toBe(5);
    expect(verdict.worst?.position).toBe(5);
    expect(records[5]).toMatchObject({ status: token, reason: expect.stringMatching(reason) });
    expect(verdict.headline).toContain('position 5');
  });

  it.each([
    { name: 'logits halved', sabotage: (actual) => actual.map((value) => value / 2), rule: 'gain' },
    {
      name: 'every row noisy',
      sabotage: (_, position, golden) => noisyRowExample(golden, 1.2, position),
      rule: 'pcc-median',
    },
    {
      name: 'every row noisy',
      sabotage: (_, position, golden) => noisyRowExample(golden, 1.2, position),
      rule: 'kl-mean',
    },
    {
      name: 'every row noisy',
      sabotage: (_, position, golden) => noisyRowExample(golden, 1.2, position),
      rule: 'kl-p99',
    },
    {
      name: 'best and second best exchanged',
      sabotage: exchange(14),
      rule: 'top1',
    },
    { name: 'best and second best exchanged', sabotage: exchange(14), rule: 'top1-long' },
    { name: 'best and tenth best exchanged', sabotage: exchange(70), rule: 'real-flips-long' },
    {
      name: 'best and tenth best exchanged',
      sabotage: exchange(70),
      rule: 'real-flips',
    },
  ] satisfies { name: string; sabotage: Sabotage; rule: string }[])(
    'goes red by $rule for $name',
    ({ sabotage, rule }) => {
      const verdict = evaluate(runWith(sabotage));
      expect(verdict.status).toBe('fail');
      expect(verdict.failingRules).toContain(rule);
      expect(resultOf(verdict, rule).headroom).toBeLessThan(0);
    },
  );

  it('is invalid where the sides consumed other tokens, and takes no PCC from there', () => {
    const records = runWith(honest, (record) =>
      record.position === 5 ? { ...record, inputPosition: { golden: 5, actual: 6 } } : record,
    );
    const verdict = evaluate(records);
    expect(verdict).toMatchObject({ status: 'invalid', failingRules: ['same-context'] });
    expect(resultOf(verdict, 'pcc-minimum').judged).toBe(TOKENS - 1);
    expect(records[5]).toMatchObject({ status: 'contextDiverged', failedRules: ['same-context'] });
    expect(records[5]!.reason).toContain('the reference was at position 5, the device at 6');
  });

  it('names a flip that passes, and lets no other flip be one', () => {
    const tied = runWith(at5((actual) => actual.map((value, i) => (i === 0 ? actual[7]! : value))));
    expect(tied[5]).toMatchObject({ status: 'passNearTie', reason: expect.stringMatching(/^tie: golden token 7/) });
    // Golden's margin over its second best is 0.7 = 2.8 ULP of BFP8_B at 20: more than rounding explains.
    const flipped = runWith(at5((actual) => actual.map((value, i) => (i === 7 ? actual[14]! - 1 : value))));
    expect(flipped[5]).toMatchObject({ status: 'pass', reason: expect.stringMatching(/^flip: golden token 7 20/) });
    expect(flipped[5]!.choice).toMatchObject({ flip: 'real', ulp: 0.25 });
  });
});

describe('evidence', () => {
  const records = runWith(honest);

  it.each([
    { name: 'no record', given: [], changes: {}, says: 'no token was judged' },
    { name: 'no plan and no record', given: [], changes: { plan: [] }, says: 'no token was planned' },
    { name: 'a missing token', given: records.slice(1), changes: {}, says: '1 planned token was not judged' },
    {
      name: 'a token judged twice',
      given: [...records, records[3]!],
      changes: {},
      says: 'judged twice, out of order, or were not in the plan',
    },
    {
      name: 'a token that was not planned',
      given: records,
      changes: { plan: [{ ...plan[0]!, tokens: TOKENS - 1, end: TOKENS - 1 }] },
      says: 'judged twice, out of order, or were not in the plan',
    },
    { name: 'no rule', given: records, changes: { rules: [] }, says: 'there is no rule' },
  ])('missing by $name makes the comparison invalid', ({ given, changes, says }) => {
    const verdict = evaluate(given, changes);
    expect(verdict.status).toBe('invalid');
    expect(verdict.headline).toContain(says);
  });

  it('missing for one rule makes the comparison invalid', () => {
    const blind = records.map((record) => ({ ...record, distribution: null }));
    const verdict = evaluate(blind);
    expect(verdict.status).toBe('invalid');
    expect(verdict.coverage.rulesNeverTriggered).toEqual(['kl-mean', 'kl-mean-short', 'kl-p99']);
    expect(verdict.headline).toContain('rules without any evidence: kl-mean, kl-mean-short, kl-p99');
  });

  it('of one bad variant is not diluted by a good one', () => {
    const bad = runWith((actual) => actual.map((value) => value / 2)).map((record) => ({ ...record, variant: 'w' }));
    const verdict = evaluate([...records, ...bad], { plan: [...plan, { ...plan[0]!, variant: 'w' }] });
    expect(resultOf(verdict, 'gain').worstAt).toEqual({
      case: 'c',
      variant: 'w',
      prompt: 'p',
      user: 0,
      position: null,
    });
    expect(resultOf(verdict, 'top1')).toMatchObject({ judged: 2 });
  });
});

describe('headroom', () => {
  it.each([
    { op: '>=', ideal: 1, threshold: 0.79, value: 0.79, headroom: 0 },
    { op: '>=', ideal: 1, threshold: 0.5, value: 0.75, headroom: 0.5 },
    { op: '>=', ideal: 1, threshold: 0.5, value: 0, headroom: -1 },
    { op: '<=', ideal: 0, threshold: 0.04, value: 0.01, headroom: 0.75 },
    { op: '<=', ideal: 0, threshold: 0, value: 0, headroom: 0 },
    { op: '<=', ideal: 0, threshold: 0, value: 3, headroom: -1 },
  ] as const)('of $value $op $threshold (ideal $ideal) is $headroom', ({ headroom, value, ...rule }) => {
    expect(headroomOf(rule, value)).toBeCloseTo(headroom, 12);
  });
});

describe('EXIT_CODE_OF_VERDICT', () => {
  it('tells fail from invalid', () => {
    expect(EXIT_CODE_OF_VERDICT).toEqual({ pass: 0, fail: 1, invalid: 4 });
  });
});
