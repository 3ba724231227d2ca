// Element-wise ops over rows: broadcasting, products in phases, refusals; L1 accumulation's tie.
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../../errors.ts';
import { addRows, mulRows, subRows } from './eltwise-rows.ts';
import { l1AccumulateBf16, l1AccumulateFp32 } from './l1-accumulate.ts';

const DST16 = { fp32DestAcc: false };

describe('element-wise rows', () => {
  it('adds one bias row to every row', () => {
    const rows = Float32Array.of(1, 2, 3, 4, 5, 6);
    expect(addRows(rows, Float32Array.of(10, 20, 30), DST16)).toEqual(Float32Array.of(11, 22, 33, 14, 25, 36));
    expect(subRows(rows, Float32Array.of(1, 2, 3), DST16)).toEqual(Float32Array.of(0, 0, 0, 3, 3, 3));
  });

  it('multiplies by phases, rounding each where Dst has 16 bits', () => {
    const a = Float32Array.of(1.3125);
    const b = Float32Array.of(7.96875);
    expect(mulRows(a, b, { ...DST16, mathFidelity: 'HiFi4' })[0]).toBe(10.5);
    expect(mulRows(a, b, { fp32DestAcc: true, mathFidelity: 'HiFi4' })[0]).toBe(10.458984375);
  });

  it('refuses operands that do not fit', () => {
    expect(() => addRows(new Float32Array(6), new Float32Array(4), DST16)).toThrow(ShapeError);
    expect(() => mulRows(new Float32Array(6), new Float32Array(0), { ...DST16, mathFidelity: 'LoFi' })).toThrow(
      ShapeError,
    );
  });
});

describe('L1 accumulation', () => {
  it('rounds a BF16 tie to even: 3F80 + 3B80 stays 3F80 (B.8)', () => {
    const inL1 = Float32Array.of(1);
    l1AccumulateBf16(inL1, Float32Array.of(2 ** -8));
    expect(inL1[0]).toBe(1);
  });

  it('keeps float32 sums whole in FP32', () => {
    const inL1 = Float32Array.of(1);
    l1AccumulateFp32(inL1, Float32Array.of(2 ** -8));
    expect(inL1[0]).toBe(1 + 2 ** -8);
  });
});
