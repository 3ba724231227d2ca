// bfloat16: worked examples of n150-numerics A.2 and every pattern there and back.
import { describe, expect, it } from 'vitest';
import {
  bf16FromFloat32Bits,
  bf16PatternsFromValues,
  bf16TiesAwayFromFloat32Bits,
  bf16TruncatedFromFloat32Bits,
  float32BitsFromBf16,
  isBf16Nan,
  roundAllToBf16TiesEven,
  roundToBf16TiesAway,
  roundToBf16TiesEven,
  truncateToBf16,
  valueFromBf16,
  valuesFromBf16Patterns,
} from './bf16.ts';
import { float32Bits } from './float-bits.ts';
import { tf32FromFloat32Bits, truncateToTf32 } from './tf32.ts';

/** value, float32, truncated, ties to even, ties away, tf32 (A.2's table). */
const EXAMPLES = [
  { name: '1/3', value: 1 / 3, bits: 0x3eaaaaab, truncated: 0x3eaa, even: 0x3eab, away: 0x3eab, tf32: 0x3eaaa000 },
  { name: '0.1', value: 0.1, bits: 0x3dcccccd, truncated: 0x3dcc, even: 0x3dcd, away: 0x3dcd, tf32: 0x3dccc000 },
  {
    name: '1 + 2^-8',
    value: 1.00390625,
    bits: 0x3f808000,
    truncated: 0x3f80,
    even: 0x3f80,
    away: 0x3f81,
    tf32: 0x3f808000,
  },
  {
    name: '1.01171875',
    value: 1.01171875,
    bits: 0x3f818000,
    truncated: 0x3f81,
    even: 0x3f82,
    away: 0x3f82,
    tf32: 0x3f818000,
  },
  { name: '65504', value: 65504, bits: 0x477fe000, truncated: 0x477f, even: 0x4780, away: 0x4780, tf32: 0x477fe000 },
];

describe('bfloat16 and tf32 from float32', () => {
  it.each(EXAMPLES)('$name rounds, cuts and shortens as in A.2', ({ value, bits, truncated, even, away, tf32 }) => {
    expect(float32Bits(value)).toBe(bits);
    expect(bf16TruncatedFromFloat32Bits(bits)).toBe(truncated);
    expect(bf16FromFloat32Bits(bits)).toBe(even);
    expect(bf16TiesAwayFromFloat32Bits(bits)).toBe(away);
    expect(tf32FromFloat32Bits(bits)).toBe(tf32);
    expect(truncateToBf16(value)).toBe(valueFromBf16(truncated));
    expect(roundToBf16TiesEven(value)).toBe(valueFromBf16(even));
    expect(roundToBf16TiesAway(value)).toBe(valueFromBf16(away));
    expect(float32Bits(truncateToTf32(value))).toBe(tf32);
  });

  it.each([
    { name: 'norm scaler 1/28', value: 1 / 28, pattern: 0x3d12 },
    { name: 'norm epsilon 1e-5', value: 1e-5, pattern: 0x3727 },
    { name: 'attention scale 128^-0.5', value: 1 / Math.sqrt(128), pattern: 0x3db5 },
  ])('$name truncates to its 2024 host constant', ({ value, pattern }) => {
    expect(bf16TruncatedFromFloat32Bits(float32Bits(value))).toBe(pattern);
  });

  it.each([
    { name: 'carries into the exponent', bits: 0x3fffffff, even: 0x4000, away: 0x4000 },
    { name: 'rounds the largest float32 to infinity', bits: 0x7f7fffff, even: 0x7f80, away: 0x7f80 },
    { name: 'keeps infinity', bits: 0xff800000, even: 0xff80, away: 0xff80 },
    { name: 'keeps NaN in the host and makes it infinity in the packer', bits: 0xffffffff, even: 0xffff, away: 0xff80 },
  ])('$name', ({ bits, even, away }) => {
    expect(bf16FromFloat32Bits(bits)).toBe(even);
    expect(bf16TiesAwayFromFloat32Bits(bits)).toBe(away);
  });

  it('returns every bfloat16 unchanged, singly and in arrays', () => {
    const patterns = Uint16Array.from({ length: 0x1_0000 }, (_, pattern) => pattern).filter((p) => !isBf16Nan(p));
    for (const pattern of patterns) {
      expect(bf16FromFloat32Bits(float32BitsFromBf16(pattern))).toBe(pattern);
      expect(bf16TiesAwayFromFloat32Bits(float32BitsFromBf16(pattern))).toBe(pattern);
    }
    const values = valuesFromBf16Patterns(patterns);
    roundAllToBf16TiesEven(values);
    expect(bf16PatternsFromValues(values)).toEqual(patterns);
  });
});
