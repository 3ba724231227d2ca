// Our own exponential and logarithm against the platform's.
import { describe, expect, it } from 'vitest';
import { decibels, expOfNonPositive, exponential, naturalLog } from './exp-log.ts';

/** Math.exp and Math.log are engine-defined but within 1e-15 in V8: good enough as a yardstick of 1e-14. */
function worstRelativeError(own: (x: number) => number, other: (x: number) => number, inputs: number[]): number {
  return inputs.reduce((worst, x) => Math.max(worst, Math.abs(own(x) / other(x) - 1)), 0);
}

describe('expOfNonPositive', () => {
  it('stays within 1e-14 of the exponential from -700 to 0', () => {
    const inputs = Array.from({ length: 100_001 }, (_, i) => -700 * (i / 100_000) ** 2);
    expect(worstRelativeError(expOfNonPositive, Math.exp, inputs)).toBeLessThan(1e-14);
  });

  it('is 1 at 0 and 0 far below', () => {
    expect(expOfNonPositive(-708) / Math.exp(-708)).toBeCloseTo(1, 12);
    expect([0, -709, Number.NEGATIVE_INFINITY].map(expOfNonPositive)).toEqual([1, 0, 0]);
    expect(expOfNonPositive(Number.NaN)).toBeNaN();
  });
});

describe('naturalLog', () => {
  it('stays within 1e-15 of the logarithm', () => {
    const inputs = Array.from({ length: 100_001 }, (_, i) => 1.0001 ** (i - 50_000) * (1 + 1e-9));
    expect(worstRelativeError(naturalLog, Math.log, inputs)).toBeLessThan(1e-15);
  });

  it('knows its limits', () => {
    expect([0, -1, 1, 5e-324, Number.POSITIVE_INFINITY].map(naturalLog)).toEqual([
      Number.NEGATIVE_INFINITY,
      Number.NaN,
      0,
      expect.closeTo(-744.4400719213812, 10),
      Number.POSITIVE_INFINITY,
    ]);
  });
});

describe('exponential', () => {
  it('has both signs', () => {
    expect([-700, -1, 0, 1, 700].map((x) => exponential(x) / Math.exp(x))).toEqual(
      new Array(5).fill(expect.closeTo(1, 13)),
    );
  });
});

describe('decibels', () => {
  it('are ten for each power of ten', () => {
    expect([1000, 1, 0.01].map(decibels)).toEqual([30, 0, -20].map((value) => expect.closeTo(value, 12)));
    expect(decibels(0)).toBe(Number.NEGATIVE_INFINITY);
  });
});
