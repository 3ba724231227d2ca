// Sigmoid and SiLU of ttnn 0.81 for bfloat16: 1 / (1 + e^-x) with one Newton step, times x.
// Source: n150-numerics section I.
// Exactness: bit-exact on the simulator's 4096 values each, once rounded to bfloat16 (ties to even).
import { expForSigmoid2026 } from './exp-2026.ts';
import { reciprocal2026 } from './reciprocal-2026.ts';

/** @returns float32, before its rounding to bfloat16. */
export function sigmoid2026(x: number): number {
  return reciprocal2026(Math.fround(1 + expForSigmoid2026(-x)), 1);
}

/** @returns float32, before its rounding to bfloat16. */
export function silu2026(x: number): number {
  return Math.fround(x * sigmoid2026(x));
}
