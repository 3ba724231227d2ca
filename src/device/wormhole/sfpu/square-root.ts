// Square root and its reciprocal as in 2024: the bit trick's first guess and two Newton steps.
// Source: n150-numerics D.4; ckernel_sfpu_sqrt.h of tt-llk-wh-b0.
// Exactness: the chip's approximation, relative error about 5e-6; steps in float32.
import { float32Bits, float32FromBits } from '../../../numerics/float-bits.ts';
import { multiplyAdd } from './multiply-add.ts';

const MAGIC = 0x5f37_0000;

/** 1 / sqrt(value) of a positive float32, as float32. */
export function reciprocalSquareRoot2024(value: number): number {
  let inverse = float32FromBits(MAGIC - (float32Bits(value) >>> 1));
  const half = Math.fround(0.5 * value);
  for (let step = 0; step < 2; step++) {
    const square = Math.fround(inverse * inverse);
    inverse = Math.fround(inverse * multiplyAdd(-half, square, 1.5));
  }
  return inverse;
}

/** sqrt(value) of a float32 >= 0, as float32. */
export function squareRoot2024(value: number): number {
  return value === 0 ? 0 : Math.fround(value * reciprocalSquareRoot2024(value));
}
