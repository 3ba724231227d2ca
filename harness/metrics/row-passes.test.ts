// The order of sums, which is part of the definition, and the exponentials of one side.
import { describe, expect, it } from 'vitest';
import { PLAIN_PASSES, sumExponentials } from './row-passes.ts';
import { createRowScan } from './row-scan.ts';

describe('sums', () => {
  it('are of every fourth entry, and joined in the end', () => {
    const sumOf = (...row: number[]): number =>
      PLAIN_PASSES.scan(Float32Array.from(row), createRowScan(row.length)).sum;
    const large = 2 ** 60;
    // In the order of the row, the 1 would be lost in the large value.
    expect(sumOf(large, 1, 0, 0, -large)).toBe(1);
    expect(sumOf(large, 1, -large)).toBe(0);
    expect(sumOf(0, 0, large, -large, 1)).toBe(1);
  });
});

describe('sumExponentials', () => {
  it('weighs the difference of the rows with each exponential', () => {
    const { sum, weightedDifference } = sumExponentials(Float32Array.of(2, 1), Float32Array.of(0, 4), 2);
    expect(sum).toBeCloseTo(1 + Math.exp(-1), 14);
    expect(weightedDifference).toBeCloseTo(2 - 3 * Math.exp(-1), 14);
  });
});
