// The fast approximate exponential of flash decode: one multiply-add whose integer result is a float's high bits.
// Source: n150-numerics D.2; ckernel_sfpu_exp.h of tt-llk-wh-b0 (the variant of April 2024 on).
// Exactness: the formula as documented; what the chip does below -88 is unverified and taken as zero.
import { truncateToBf16 } from '../../../numerics/bf16.ts';
import { float32FromBits } from '../../../numerics/float-bits.ts';
import { multiplyAdd } from './multiply-add.ts';

const SLOPE = Math.fround(369.329925537);
const OFFSET = Math.fround(32500.818359375);
const LOWEST_ARGUMENT = -88.5;

/** @returns float32, off by -3.4 % … +3.1 %; what a 32-bit Dst holds. */
export function expFastFloat32(x: number): number {
  const linear = multiplyAdd(SLOPE, Math.max(x, LOWEST_ARGUMENT), OFFSET);
  const bits = linear < 0 ? 0 : Math.min(Math.floor(linear + 0.5), 0xffff);
  return float32FromBits(bits << 15);
}

/** @returns the value stored in a 16-bit Dst, bfloat16: cut; 0.9765625 at 0. */
export function expFast(x: number): number {
  return truncateToBf16(expFastFloat32(x));
}
