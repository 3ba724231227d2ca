// The rules of a single token: context, constant rows, each metric at its limit.
import { describe, expect, it } from 'vitest';
import type { GateRule, TokenMetric } from '../record/rules.ts';
import type { TokenRecord } from '../record/token-record.ts';
import { shortRunRules } from './gate-run.fixture.ts';
import { judgeToken } from './judge-token.ts';
import { recordExample } from './record.fixture.ts';
import { tokenMetricValue } from './token-metrics.ts';

const context = { logitsFormat: 'BFP8_B' };
const judge = (record: TokenRecord, rules: readonly GateRule[] = shortRunRules) => judgeToken(rules, record, context);
const record = recordExample();
const rule = (metric: TokenMetric, threshold: number): GateRule => ({
  ...shortRunRules.find(({ id }) => id === 'golden-rank')!,
  id: metric,
  scope: 'token',
  metric,
  threshold,
});

describe('contextMismatch', () => {
  it.each([
    { name: 'equal contexts', change: {}, value: 0 },
    { name: 'another hash', change: { contextHash: { golden: 'a', actual: 'b' } }, value: 1 },
    { name: 'another token', change: { inputToken: { golden: 1, actual: 2 } }, value: 1 },
    { name: 'another position', change: { inputPosition: { golden: 1, actual: 2 } }, value: 1 },
  ])('is $value with $name', ({ change, value }) => {
    expect(tokenMetricValue({ ...record, ...change }, 'contextMismatch')).toBe(value);
  });
});

describe('constant', () => {
  it.each([
    { name: 'a constant device row', hygiene: { constantRow: { golden: false, actual: true } }, value: 100 },
    { name: 'a constant reference row', hygiene: { constantRow: { golden: true, actual: false } }, value: 100 },
    {
      name: 'two blocks',
      hygiene: {
        constantBlocks: [
          { from: 10, to: 20, value: 0 },
          { from: 50, to: 55, value: 1 },
        ],
      },
      value: 15,
    },
    { name: 'none', hygiene: {}, value: 0 },
  ])('counts the entries of $name: $value', ({ hygiene, value }) => {
    expect(tokenMetricValue({ ...record, hygiene: { ...record.hygiene, ...hygiene } }, 'constant')).toBe(value);
  });
});

describe('a token', () => {
  it.each([
    { name: 'no moments', change: { moments: null } },
    { name: 'no gain', change: { moments: { ...record.moments!, gain: null } } },
    { name: 'no choice', change: { choice: null } },
    { name: 'no distribution', change: { distribution: null } },
  ])('with $name breaks no rule for lack of it', ({ change }) => {
    const rules = [rule('gainDeviation', 0.03), rule('goldenRankOnActual', 20), rule('klNats', 1)];
    expect(judge({ ...record, ...change }, rules)).toEqual({ status: 'pass', failedRules: [], reason: null });
  });

  it.each([
    { metric: 'gainDeviation', change: recordExample({}, { gain: 0.9 }), status: 'failGain' },
    { metric: 'klNats', change: recordExample({}, { klNats: 2 }), status: 'failKl' },
    { metric: 'goldenRankOnActual', change: recordExample({}, { rank: 30 }), status: 'failRank' },
  ] as const)('is $status by a rule on $metric', ({ metric, change, status }) => {
    const limit = { gainDeviation: 0.03, klNats: 1, goldenRankOnActual: 20 }[metric];
    expect(judge(change, [rule(metric, limit)])).toMatchObject({ status, failedRules: [metric] });
    expect(judge(record, [rule(metric, limit)]).status).toBe('pass');
  });

  it('whose PCC does not exist fails, never passes', () => {
    const noPcc = { ...record, pccJudgement: { ...record.pccJudgement, pcc: null } };
    expect(judge(noPcc)).toMatchObject({ status: 'failPcc', failedRules: ['pcc-minimum'] });
    const notANumber = { ...record, pccJudgement: { ...record.pccJudgement, pcc: Number.NaN } };
    expect(judge(notANumber)).toMatchObject({ status: 'failPcc' });
  });

  it('exactly on the limit keeps the rule', () => {
    expect(judge(recordExample({}, { pcc: 0.79, rank: 20 })).failedRules).toEqual([]);
  });

  it('with several broken rules is named by the first, and lists all', () => {
    expect(judge(recordExample({}, { pcc: 0.5, rank: 30 }))).toMatchObject({
      status: 'failPcc',
      failedRules: ['pcc-minimum', 'golden-rank'],
    });
  });

  it.each([
    { flip: 'tie', status: 'passNearTie' },
    { flip: 'nearTie', status: 'passNearTie' },
    { flip: 'real', status: 'pass' },
    { flip: 'none', status: 'pass' },
  ] as const)('that passes with flip $flip is $status', ({ flip, status }) => {
    expect(judge(recordExample({}, { flip })).status).toBe(status);
  });

  it('is judged by the rules of its phase', () => {
    const decodeOnly: GateRule = { ...rule('klNats', 1), phase: 'decode' };
    const numbers = { klNats: 2 };
    expect(judge(recordExample({}, { ...numbers, phase: 'prefill' }), [decodeOnly]).failedRules).toEqual([]);
    expect(judge(recordExample({}, { ...numbers, phase: 'firstDecode' }), [decodeOnly]).failedRules).toEqual([]);
    expect(judge(recordExample({}, { ...numbers, phase: 'decode' }), [decodeOnly]).failedRules).toEqual(['klNats']);
  });
});
