// The reduce instruction: order of faces and phases, the scaler, what is cut and when.
import { describe, expect, it } from 'vitest';
import { bitsOf, float32Bits, float32FromBits } from '../../../numerics/float-bits.ts';
import type { MathFidelity } from '../matmul-engine.ts';
import { createReduceTile } from './reduce-row.ts';

interface Setting {
  readonly fp32DestAcc: boolean;
  readonly mathFidelity?: MathFidelity;
  readonly scaler?: number;
  readonly dst?: number;
}

/** `places` of a tile's row of 32, zeros elsewhere. */
function reduce(places: Readonly<Record<number, number>>, setting: Setting): number {
  const { fp32DestAcc, mathFidelity = 'HiFi2', scaler = 1, dst = 0 } = setting;
  const row = new Float32Array(32);
  for (const [place, value] of Object.entries(places)) row[Number(place)] = value;
  const reduceTile = createReduceTile({ fp32DestAcc, mathFidelity });
  return float32FromBits(reduceTile(bitsOf(row), 0, 32, float32Bits(scaler), float32Bits(dst)));
}

describe('reduce row', () => {
  it('finishes all phases of a face before the next face', () => {
    // 1.9921875 is 1.9375 in phase 0 and 7 / 128 in phase 1. With 17 / 128 of the second face it is exactly 2.125; had the
    // second face come between the phases, a 16-bit Dst would have rounded twice, to 2.140625.
    expect(reduce({ 0: 1.9921875, 16: 0.1328125 }, { fp32DestAcc: false })).toBe(2.125);
  });

  it('cuts a 32-bit Dst to tf32 once a tile, after all its lanes', () => {
    const small = 2 ** -11;
    expect(reduce({ 0: 1, 8: small }, { fp32DestAcc: true })).toBe(1);
    expect(reduce({ 0: 1, 8: small, 16: small }, { fp32DestAcc: true })).toBe(1 + 2 * small);
    expect(reduce({ 8: small }, { fp32DestAcc: true, dst: 1 })).toBe(1);
  });

  it('has the data in SrcA and the scaler in SrcB', () => {
    // 1.0078125 needs 8 bits: whole in SrcA, without its last one in SrcB before HiFi3.
    expect(reduce({ 0: 1.0078125 }, { fp32DestAcc: true })).toBe(1.0078125);
    expect(reduce({ 0: 1 }, { fp32DestAcc: true, scaler: 1.0078125 })).toBe(1);
    expect(reduce({ 0: 1 }, { fp32DestAcc: true, scaler: 1.0078125, mathFidelity: 'HiFi4' })).toBe(1.0078125);
  });

  it('never sees the last bit of a tf32 in SrcA', () => {
    expect(reduce({ 0: 1 + 2 ** -9 + 2 ** -10 }, { fp32DestAcc: true, mathFidelity: 'HiFi4' })).toBe(1 + 2 ** -9);
  });

  it('takes what lies behind the end of a row as zeros', () => {
    const row = new Float32Array(32).fill(1);
    const reduceTile = createReduceTile({ fp32DestAcc: true, mathFidelity: 'HiFi2' });
    const sum = (end: number): number => float32FromBits(reduceTile(bitsOf(row), 0, end, float32Bits(1), 0));
    expect([sum(1), sum(16), sum(20), sum(32)]).toEqual([1, 16, 20, 32]);
  });
});
