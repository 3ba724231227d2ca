// The reciprocal of 2024: a linear first guess and two Newton steps on the mantissa.
// Source: n150-numerics D.3; ckernel_sfpu_recip.h of tt-llk-wh-b0.
// Exactness: the chip's approximation, always low, by at most 1.5e-3; steps in float32.
import { float32Bits, float32FromBits } from '../../../numerics/float-bits.ts';
import { multiplyAdd } from './multiply-add.ts';

const GUESS: number = Math.fround(Math.LOG2E);

/** @returns float32; infinity of its sign for zero and denormals. */
export function reciprocal2024(value: number): number {
  const bits = float32Bits(value);
  const exponent = (bits >>> 23) & 0xff;
  if (exponent === 0) return value < 0 || Object.is(value, -0) ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (exponent === 0xff) return 0;
  // The mantissa as a number in [0.5, 1).
  const mantissa = float32FromBits((126 << 23) | (bits & 0x007f_ffff));
  let inverse = Math.fround(GUESS * multiplyAdd(-mantissa, GUESS, 2));
  inverse = Math.fround(inverse * multiplyAdd(-mantissa, inverse, 2));
  inverse = Math.fround(inverse * multiplyAdd(-mantissa, inverse, 2));
  const scaled = Math.fround(inverse * 2 ** (126 - exponent));
  return value < 0 ? -scaled : scaled;
}
