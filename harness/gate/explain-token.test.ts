// The reason in a token's row: none for a plain pass, the broken rule or the kind of flip else.
import { describe, expect, it } from 'vitest';
import type { RowHygiene } from '../record/row-metrics.ts';
import type { TokenMetric } from '../record/rules.ts';
import type { TokenRecord } from '../record/token-record.ts';
import { explainToken } from './explain-token.ts';
import { shortRunRules } from './gate-run.fixture.ts';
import { recordExample } from './record.fixture.ts';

const context = { logitsFormat: 'BFP8_B' };
const ruleOf = (metric: TokenMetric) => {
  const template = shortRunRules.find(({ id }) => id === 'pcc-minimum')!;
  return {
    ...template,
    scope: 'token' as const,
    metric,
    threshold: { pcc: 0.79, goldenRankOnActual: 20, klNats: 1, gainDeviation: 0.03 }[metric as string] ?? 0,
  };
};
const explain = (metric: TokenMetric, record: TokenRecord, words = context) =>
  explainToken(record, ruleOf(metric), words);
const withHygiene = (hygiene: Partial<RowHygiene>): TokenRecord => {
  const record = recordExample();
  return { ...record, hygiene: { ...record.hygiene, ...hygiene } };
};

describe('a plain pass', () => {
  it('has no reason, a flip that passes has', () => {
    expect(explainToken(recordExample(), null, context)).toBeNull();
    expect(explainToken({ ...recordExample(), choice: null }, null, context)).toBeNull();
    expect(explainToken(recordExample({}, { rank: 2, flip: 'nearTie' }), null, context)).toBe(
      "near tie: golden token 1 9 vs device token 2 9; golden's margin 0.5 = 2 ULP of BFP8_B",
    );
    expect(explainToken(recordExample({}, { rank: 2, flip: 'tie' }), null, context)).toMatch(/^tie: /);
  });
});

describe('a broken context', () => {
  it.each([
    {
      change: { inputPosition: { golden: 5, actual: 6 } },
      says: 'the reference was at position 5, the device at 6: not comparable',
    },
    {
      change: { inputToken: { golden: 7, actual: 8 } },
      says: 'the reference consumed token 7, the device 8: not comparable',
    },
    { change: {}, says: 'an earlier token or position differed between the sides: not comparable' },
  ])('says: $says', ({ change, says }) => {
    expect(explain('contextMismatch', { ...recordExample(), ...change })).toBe(says);
  });
});

describe('values that are not finite', () => {
  const side = (golden: number, actual: number) => ({ golden, actual });
  it.each([
    { hygiene: { nan: side(0, 30) }, says: "30.0 % of the device's logits are NaN" },
    { hygiene: { nan: side(1, 0) }, says: "1.0 % of the reference's logits are NaN" },
    {
      hygiene: { positiveInfinity: side(2, 3) },
      says: "2 of the reference's logits are +Infinity; 3 of the device's logits are +Infinity",
    },
    {
      hygiene: { negativeInfinity: side(40, 90), maskedPairs: 40 },
      says: "50 of the device's logits are -Infinity where the other side is not",
    },
    {
      hygiene: { negativeInfinity: side(0, 51) },
      says: "51 of the device's logits are -Infinity where the other side is not; these look like scores after top-k or top-p: record the raw logits (output_logits=True in Transformers)",
    },
    {
      hygiene: { negativeInfinity: side(80, 0) },
      says: "80 of the reference's logits are -Infinity where the other side is not; these look like scores after top-k or top-p: record the raw logits (output_logits=True in Transformers)",
    },
  ])('say: $says', ({ hygiene, says }) => {
    expect(explain('nonFinite', withHygiene(hygiene))).toBe(says);
  });
});

describe('constant values', () => {
  const block = (from: number, to: number, value: number) => ({ from, to, value });
  it.each([
    {
      hygiene: { constantRow: { golden: false, actual: true } },
      says: "all 100 of the device's logits are equal: no correlation exists",
    },
    {
      hygiene: { constantRow: { golden: true, actual: false } },
      says: "all of the reference's logits are equal: no correlation exists",
    },
    { hygiene: { constantBlocks: [block(0, 50, 0.5)] }, says: "the device's logits 0 to 49 are all 0.5" },
    {
      hygiene: { constantBlocks: [block(0, 9, 0), block(20, 30, 1), block(40, 50, 1)] },
      says: "the device's logits 0 to 8 are all 0 and 2 more blocks",
    },
    { hygiene: {}, says: 'a block of logits is constant' },
  ])('say: $says', ({ hygiene, says }) => {
    expect(explain('constant', withHygiene(hygiene))).toBe(says);
  });
});

describe('a bad number', () => {
  it('of PCC comes with the moments that tell what kind of error it is', () => {
    expect(explain('pcc', recordExample({}, { pcc: 0.5, gain: 0.7 }))).toBe(
      "PCC 0.5 < 0.79: gain 0.7, residual 0.05 of the signal's sd, max error 0.25 at vocabulary entry 3",
    );
    const constant = recordExample({}, { pcc: 0.994567 });
    expect(explain('pcc', { ...constant, moments: { ...constant.moments!, gain: null } })).toBe(
      'PCC 0.994567 < 0.79: max error 0.25 at vocabulary entry 3',
    );
    expect(explain('pcc', { ...recordExample({}, { pcc: 0.5 }), moments: null })).toBe('PCC 0.5 < 0.79');
    expect(explain('pcc', recordExample({}, { pcc: null }))).toBe('PCC does not exist (strict: undefined)');
  });

  it.each([
    { pcc: 0.9945678, says: 'PCC 0.994568 <' },
    { pcc: 0.9876543, says: 'PCC 0.9877 <' },
    { pcc: 0.99, says: 'PCC 0.99 <' },
    { pcc: -0.1234567, says: 'PCC -0.1235 <' },
    { pcc: Number.NaN, says: 'PCC NaN <' },
  ])('of PCC $pcc is written as $says', ({ pcc, says }) => {
    expect(explain('pcc', recordExample({}, { pcc }))).toContain(says);
  });

  it('above 1 is written in four digits', () => {
    expect(explain('klNats', recordExample({}, { klNats: 1.2345678 }))).toBe('KL 1.235 nat > 1');
    expect(explain('klNats', { ...recordExample(), distribution: null })).toBe('KL NaN nat > 1');
    expect(explain('gainDeviation', { ...recordExample(), moments: null })).toMatch(/^gain NaN is further/);
  });

  it('of a row that is another position’s says whose', () => {
    const record = recordExample({}, { pcc: 0.5 });
    const controls = { ...record.controls, pccPreviousGolden: 0.9995 };
    expect(explain('pcc', { ...record, controls })).toMatch(
      /^PCC 0\.5 < 0\.79: .*; it fits golden's row of the position before \(PCC 0\.99950\) better than its own$/,
    );
  });

  it('of rank, KL or gain says by how much and whose margin', () => {
    const flipped = recordExample({}, { rank: 30, flip: 'real', klNats: 2, gain: 0.9 });
    const flip = "flip: golden token 1 9 vs device token 2 9; golden's margin 0.5 = 2 ULP of BFP8_B";
    expect(explain('goldenRankOnActual', flipped)).toBe(
      `golden's token token 1 ranks 30 on the device, allowed 20; ${flip}`,
    );
    expect(explain('goldenRankOnActual', { ...flipped, choice: null })).toBe('the choice could not be compared');
    expect(explain('klNats', flipped)).toBe(`KL 2 nat > 1; ${flip}`);
    expect(explain('klNats', recordExample({}, { klNats: 2 }))).toBe('KL 2 nat > 1');
    expect(explain('klNats', { ...flipped, choice: null })).toBe('KL 2 nat > 1');
    expect(explain('gainDeviation', flipped)).toBe(
      "gain 0.9 is further than 0.03 from 1: the device's logits are flatter than the reference's",
    );
    expect(explain('gainDeviation', recordExample({}, { gain: 1.1 }))).toMatch(/steeper than the reference's$/);
    expect(explain('goldenRankOnActual', { ...flipped, choice: { ...flipped.choice!, flip: 'none' } })).toMatch(
      /; no flip, margin 0\.5 = 2 ULP of BFP8_B$/,
    );
  });

  it('quotes texts where they are known', () => {
    const words = { ...context, textOf: (id: number) => ` t"${id}` };
    expect(explain('goldenRankOnActual', recordExample({}, { rank: 30, flip: 'real' }), words)).toContain(
      'golden " t\\"1" 9 vs device " t\\"2" 9',
    );
  });

  it('of a rule over many tokens has no sentence of its own', () => {
    expect(explainToken(recordExample(), shortRunRules.find(({ id }) => id === 'gain')!, context)).toBeNull();
  });
});
