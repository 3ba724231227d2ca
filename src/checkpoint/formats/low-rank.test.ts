// The sum of a low-rank update: one rounding an addend, also where rounding through float64 would give another.
import { describe, expect, it } from 'vitest';
import { lowRankRow } from './low-rank.ts';

function sumOf(left: readonly number[], right: readonly number[]): number {
  const sums = new Float32Array(1);
  lowRankRow(Float32Array.from(left), 0, Float32Array.from(right), left.length, sums);
  return sums[0]!;
}

const ULP = 2 ** -23;

describe('a fused multiply-add', () => {
  // (1 + u)(1 - u) = 1 - u²: with 2^-24 the sum lies so little below the middle that float64 rounds it to the middle.
  const almost = 2 ** -24 * (1 - ULP);

  it('rounds down just below the middle, where float64 would round to even', () => {
    expect(sumOf([1 + ULP, 1 + ULP], [1, almost])).toBe(1 + ULP);
    expect(Math.fround(1 + ULP + (1 + ULP) * almost)).toBe(1 + 2 * ULP);
  });

  it('rounds up just above the middle', () => {
    expect(sumOf([-1, -(1 + ULP)], [1 + 2 * ULP, almost])).toBe(-(1 + 2 * ULP));
    // (1 - u/2)² = 1 - u + u²/4 is inexact in no float64; 1 + u² / 4 above a middle needs a larger factor.
    expect(sumOf([1, 2 ** -24, 2 ** -60], [1, 1, 1])).toBe(1);
  });

  it('rounds the middle itself to even', () => {
    expect(sumOf([1, 2 ** -24], [1, 1])).toBe(1);
    expect(sumOf([1 + ULP, 2 ** -24], [1, 1])).toBe(1 + 2 * ULP);
  });

  it('rounds products as exactly as sums', () => {
    const third = Math.fround(1 / 3);
    // 3 * third is 1 + 2^-25, which a plain multiplication rounds to 1: nothing would be left.
    expect(sumOf([-1, 3], [1, third])).toBe(3 * third - 1);
    expect(Math.fround(3 * third) - 1).toBe(0);
  });

  it('agrees with whole numbers, whose sums are known', () => {
    let seed = 1;
    const next = (bits: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 4) % 2 ** bits;
    };
    for (let trial = 0; trial < 5_000; trial++) {
      const [a, b, c] = [next(24), next(24), next(24) * 2 ** next(5)] as const;
      const sum = BigInt(a) * BigInt(b) + BigInt(c);
      if (sumOf([1, a], [c, b]) !== roundedToFloat32(sum)) expect.fail(`${a} * ${b} + ${c}`);
    }
  });
});

/** A whole number rounded to 24 bits, half to even. */
function roundedToFloat32(value: bigint): number {
  const cut = BigInt(Math.max(0, value.toString(2).length - 24));
  const half = cut === 0n ? 0n : 1n << (cut - 1n);
  const rest = value & ((1n << cut) - 1n);
  const floor = value >> cut;
  const up = rest > half || (rest === half && cut > 0n && (floor & 1n) === 1n);
  return Number((floor + (up ? 1n : 0n)) << cut);
}
