// Quantiles, mean and standard error against their definitions.
import { describe, expect, it } from 'vitest';
import { mean, quantile, sortSample, standardError } from './quantile.ts';

const sample = (...values: number[]) => sortSample(Float64Array.from(values));

describe('quantile', () => {
  it.each([
    { share: 0, value: 1 },
    { share: 0.3, value: 3.2 },
    { share: 0.5, value: 4 },
    { share: 0.9, value: 8.2 },
    { share: 1, value: 9 },
  ])('$share of 9, 1, 4, 3, 7 is $value, as numpy has it', ({ share, value }) => {
    expect(quantile(sample(9, 1, 4, 3, 7), share)).toBeCloseTo(value, 12);
  });

  it.each([
    {
      name: 'the lower of two, one without bottom',
      values: [-30, Number.NEGATIVE_INFINITY],
      share: 0.5,
      value: Number.NEGATIVE_INFINITY,
    },
    { name: 'exact where it falls on a value', values: [Number.NEGATIVE_INFINITY, -30, -20], share: 0.5, value: -30 },
    {
      name: 'of equal infinities that infinity',
      values: [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
      share: 0.5,
      value: Number.NEGATIVE_INFINITY,
    },
    {
      name: 'without top above a finite value',
      values: [1, Number.POSITIVE_INFINITY],
      share: 0.5,
      value: Number.POSITIVE_INFINITY,
    },
    {
      name: 'the lower of both infinities',
      values: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
      share: 0.5,
      value: Number.NEGATIVE_INFINITY,
    },
    { name: 'finite at a value below a top', values: [1, Number.POSITIVE_INFINITY], share: 0, value: 1 },
    {
      name: 'without top between two of them',
      values: [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
      share: 0.5,
      value: Number.POSITIVE_INFINITY,
    },
    { name: 'the only value', values: [3], share: 0.7, value: 3 },
  ])('is $name, never NaN', ({ values, share, value }) => {
    expect(quantile(sample(...values), share)).toBe(value);
  });
});

describe('mean and standard error', () => {
  it('are those of the textbook', () => {
    expect(mean(sample(2, 4, 9))).toBe(5);
    // Sample variance (9 + 1 + 16) / 2 = 13.
    expect(standardError(sample(2, 4, 9))).toBeCloseTo(Math.sqrt(13 / 3), 12);
  });

  it('do not exist for a single value’s error', () => {
    expect(standardError(sample(2))).toBeNull();
    expect(standardError(sample(2, 2))).toBe(0);
  });
});
