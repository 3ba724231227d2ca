// Errors of rows by hand: whole, in the worst tile, of nothing, and of what is no number.
import { describe, expect, it } from 'vitest';
import { judgeOp } from './op-errors.ts';
import { rowError, rowPlaces } from './row-errors.ts';

const ones = (length: number): Float32Array => new Float32Array(length).fill(1);

describe('rowError', () => {
  it('is the Euclidean error against the row, and that of the worst 32 neighbours against its mean square', () => {
    const actual = ones(64);
    actual.fill(1.5, 32);
    const { relL2, block } = rowError(ones(64), 0, actual, 0, 64);
    expect(relL2).toBeCloseTo(Math.sqrt(32 * 0.25) / 8, 12);
    expect(block).toBeCloseTo(0.5, 12);
  });

  it('does not let a broken tile vanish in a wide row', () => {
    const actual = ones(4096);
    actual.fill(0, 64, 96);
    const { relL2, block } = rowError(ones(4096), 0, actual, 0, 4096);
    expect(relL2).toBeLessThan(0.1);
    expect(block).toBe(1);
  });

  it('is 0 for equal rows, of zeros too, and infinite for anything in the place of zeros or numbers', () => {
    const zeros = new Float32Array(8);
    expect(rowError(zeros, 0, zeros, 0, 8)).toEqual({ relL2: 0, block: 0 });
    expect(rowError(zeros, 0, ones(8), 0, 8).relL2).toBe(Number.POSITIVE_INFINITY);
    expect(rowError(ones(8), 0, Float32Array.of(1, Number.NaN, 1, 1, 1, 1, 1, 1), 0, 8)).toEqual({
      relL2: Number.POSITIVE_INFINITY,
      block: Number.POSITIVE_INFINITY,
    });
  });

  it('reads columns of a wider matrix', () => {
    const values = Float32Array.from({ length: 12 }, (_, i) => i);
    expect(rowPlaces({ values, start: 1, stride: 4, width: 2 }, 2).starts).toEqual([1, 5, 9]);
    expect(rowPlaces(values, 6).starts).toEqual([0, 6]);
  });
});

describe('judgeOp', () => {
  const error = (relL2: number, block = relL2) => ({ relL2, block });

  it('blames above twice the largest error of a healthy operation, in the row or in its worst block', () => {
    const healthy = [error(0.01), error(0.02)];
    expect(judgeOp([error(0.04)], healthy, 'BF16').ratio).toBe(1);
    expect(judgeOp([error(0.02, 0.08)], healthy, 'BF16').ratio).toBe(2);
    expect(judgeOp([error(Number.POSITIVE_INFINITY)], healthy, 'BF16').ratio).toBe(Number.POSITIVE_INFINITY);
  });

  it('tells no error from rounding that is below half a unit, though a healthy operation has none at all', () => {
    expect(judgeOp([error(2 ** -9)], [error(0)], 'BF16').ratio).toBe(0.5);
    expect(judgeOp([error(2 ** -9)], [error(0)], 'F32').ratio).toBeGreaterThan(1);
  });
});
