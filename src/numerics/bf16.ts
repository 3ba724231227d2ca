// bfloat16: the high half of a float32, and the three ways the N150 and its host shorten to it.
// Source: n150-numerics A.1, A.2.
// Exactness: bit-exact.
import { bitsOf, float32Bits, float32FromBits } from './float-bits.ts';

/** Float32 bit pattern of a bfloat16 pattern (exact). */
export function float32BitsFromBf16(pattern: number): number {
  return (pattern << 16) >>> 0;
}

/** Value of a bfloat16 pattern. */
export function valueFromBf16(pattern: number): number {
  return float32FromBits(pattern << 16);
}

export function isBf16Nan(pattern: number): boolean {
  return (pattern & 0x7f80) === 0x7f80 && (pattern & 0x007f) !== 0;
}

/**
 * Rounds to nearest, ties to even (torch; the packer's L1 accumulation).
 *
 * @param bits - float32 bit pattern.
 * @returns bfloat16 pattern. Infinity stays; NaN stays NaN (made quiet).
 */
export function bf16FromFloat32Bits(bits: number): number {
  if ((bits & 0x7f80_0000) === 0x7f80_0000) {
    const isNanPattern = (bits & 0x007f_ffff) !== 0;
    return (bits >>> 16) | (isNanPattern ? 0x0040 : 0);
  }
  const lowestKeptBit = (bits >>> 16) & 1;
  return ((bits + 0x7fff + lowestKeptBit) >>> 16) & 0xffff;
}

/** Drops the low 16 bits (SFPSTORE to a 16-bit Dst, the C++ host type of 2024). */
export function bf16TruncatedFromFloat32Bits(bits: number): number {
  return bits >>> 16;
}

/**
 * Rounds to nearest, ties away from zero: adds 0x8000 and drops 16 bits (packer, 32-bit Dst to BF16).
 * A NaN becomes infinity of its sign, as in the packer.
 */
export function bf16TiesAwayFromFloat32Bits(bits: number): number {
  if ((bits & 0x7f80_0000) === 0x7f80_0000) return ((bits >>> 16) & 0x8000) | 0x7f80;
  return ((bits + 0x8000) >>> 16) & 0xffff;
}

/** `value` rounded to bfloat16, ties to even, as a number. */
export function roundToBf16TiesEven(value: number): number {
  return float32FromBits(bf16FromFloat32Bits(float32Bits(value)) << 16);
}

/** `value` rounded to bfloat16, ties away from zero, as a number; NaN becomes infinity. */
export function roundToBf16TiesAway(value: number): number {
  return float32FromBits(bf16TiesAwayFromFloat32Bits(float32Bits(value)) << 16);
}

/** `value` cut to bfloat16 toward zero, as a number. */
export function truncateToBf16(value: number): number {
  return float32FromBits(float32Bits(value) & 0xffff_0000);
}

/** Rounds every element in place to bfloat16, ties to even. */
export function roundAllToBf16TiesEven(values: Float32Array): void {
  const bits = bitsOf(values);
  for (let i = 0; i < bits.length; i++) bits[i] = bf16FromFloat32Bits(bits[i]!) << 16;
}

/** bfloat16 patterns of float32 values, ties to even; a fresh array of the same length. */
export function bf16PatternsFromValues(values: Float32Array): Uint16Array {
  const bits = bitsOf(values);
  const patterns = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) patterns[i] = bf16FromFloat32Bits(bits[i]!);
  return patterns;
}

/** Values of bfloat16 patterns; a fresh array of the same length. */
export function valuesFromBf16Patterns(patterns: Uint16Array): Float32Array {
  const values = new Float32Array(patterns.length);
  const bits = bitsOf(values);
  for (let i = 0; i < patterns.length; i++) bits[i] = patterns[i]! << 16;
  return values;
}
