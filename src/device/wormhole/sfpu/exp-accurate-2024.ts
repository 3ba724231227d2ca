// The accurate exponential of 2024: a quadratic on [0.5, 1), squared as often as the exponent says.
// Source: n150-numerics D.1; ckernel_sfpu_exp.h of tt-llk-wh-b0.
// Exactness: the chip's polynomial (error up to 16 % at -16), not the function; steps in float32.
import { multiplyAdd } from './multiply-add.ts';
import { reciprocal2024 } from './reciprocal.ts';

/** Squarings stop here on the chip: |x| of 256 and more is squared as if it were below. */
const MAXIMUM_SQUARINGS = 8;

/** @returns float32. */
export function expAccurate2024(x: number): number {
  let magnitude = Math.abs(x);
  let squarings = 0;
  // An infinite magnitude stays one: 128 halvings are enough for every other.
  while (magnitude >= 1 && squarings < 128) {
    magnitude *= 0.5;
    squarings++;
  }
  let result = multiplyAdd(magnitude, multiplyAdd(magnitude, Math.fround(0.8373), Math.fround(0.863281)), 1);
  for (let i = 0; i < Math.min(squarings, MAXIMUM_SQUARINGS); i++) result = Math.fround(result * result);
  return x < 0 ? reciprocal2024(result) : result;
}
