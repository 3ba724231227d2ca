// One difference in a few numbers, and the tokens where checkpoint and device interact.
import { describe, expect, it } from 'vitest';
import { columnsFrom } from './made-up-league.fixture.ts';
import { interactionOf, summarise } from './summaries.ts';

const prompts = (tokens: number) => [{ id: 'p', tokens }];

describe('summarise', () => {
  it('has means, quantiles and shares of the tokens that have a number', () => {
    const summary = summarise(
      columnsFrom({
        prompts: prompts(5),
        pcc: [0.9, 0.7, 0.8, 1, Number.NaN],
        kl: [0.1, 0.4, 0.2, 0.3, Number.NaN],
        hit: [1, 0, 0, 1, Number.NaN],
        realFlip: [0, 1, 0, 0, Number.NaN],
        regret: [0, 0.5, 0.25, 0, Number.NaN],
        rank: [1, 101, 6, 1, Number.NaN],
      }),
    );
    expect(summary).toEqual({
      tokens: 5,
      pccMinimum: 0.7,
      pccP1: expect.closeTo(0.703, 12),
      pccMedian: expect.closeTo(0.85, 12),
      klMean: expect.closeTo(0.25, 12),
      klMedian: expect.closeTo(0.25, 12),
      klP99: expect.closeTo(0.397, 12),
      top1: 0.5,
      top5: 0.5,
      top100: 0.75,
      realFlips: 0.25,
      regretMean: 0.1875,
    });
  });

  it('has null for what no token has', () => {
    const nothing = [Number.NaN];
    const { tokens, ...numbers } = summarise(
      columnsFrom({
        prompts: prompts(1),
        pcc: nothing,
        kl: nothing,
        hit: nothing,
        realFlip: nothing,
        regret: nothing,
        rank: nothing,
      }),
    );
    expect(tokens).toBe(1);
    expect(new Set(Object.values(numbers))).toEqual(new Set([null]));
  });
});

describe('interactionOf', () => {
  const kl = (...values: number[]) => columnsFrom({ prompts: prompts(values.length), kl: values });
  const count = (total: number, checkpoint: number, device: number) =>
    interactionOf(kl(total), kl(checkpoint), kl(device));
  const none = { amplified: 0, cancelled: 0 };

  it.each([
    { what: 'the sum', total: 0.04, expected: none },
    { what: 'twice the sum', total: 0.08, expected: none },
    { what: 'more than twice', total: 0.081, expected: { amplified: 1, cancelled: 0 } },
    { what: 'half', total: 0.02, expected: none },
    { what: 'less than half', total: 0.019, expected: { amplified: 0, cancelled: 1 } },
    { what: 'not a number', total: Number.NaN, expected: none },
  ])('counts $what of 0.03 and 0.01 as $expected', ({ total, expected }) => {
    expect(count(total, 0.03, 0.01)).toEqual(expected);
  });

  it('counts no factor of sizes that do not matter', () => {
    expect(count(0.009, 0.001, 0.001)).toEqual(none);
    expect(count(0, 0.004, 0.004)).toEqual(none);
  });
});
