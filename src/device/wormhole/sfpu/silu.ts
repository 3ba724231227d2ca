// SiLU: the piecewise sigmoid of 2024, and the exact function.
// Source: n150-numerics D.5; ckernel_sfpu_silu.h of tt-metal (replaced in October 2025).
// Exactness: the chip's polynomial (SiLU off by up to 0.043 near 5); steps in float32.
import { expExact } from './exp-exact.ts';
import { multiplyAdd } from './multiply-add.ts';

/** sigmoid(|x|) for 1 < |x| < 5, highest power first. */
const QUARTIC = [0.00144462, -0.01055479, -0.01203685, 0.24300185, 0.50437757].map(Math.fround);
const SLOPE = Math.fround(0.229);

/** The piecewise sigmoid, float32. */
export function sigmoidPiecewise2024(x: number): number {
  const magnitude = Math.abs(x);
  let sigmoid = 1;
  if (magnitude <= 1) sigmoid = multiplyAdd(magnitude, SLOPE, 0.5);
  else if (magnitude < 5) {
    sigmoid = QUARTIC[0]!;
    for (let i = 1; i < QUARTIC.length; i++) sigmoid = multiplyAdd(sigmoid, magnitude, QUARTIC[i]!);
  }
  return x < 0 ? Math.fround(1 - sigmoid) : sigmoid;
}

/** x * sigmoid(x) with the piecewise sigmoid, float32; exactly 0 for x <= -5. */
export function siluPiecewise2024(x: number): number {
  return Math.fround(x * sigmoidPiecewise2024(x));
}

/** 1 / (1 + e^-x) in float64, to within a few units in the last place. */
export function sigmoidExact(x: number): number {
  if (x >= 0) return 1 / (1 + expExact(-x));
  const power = expExact(x);
  return power / (1 + power);
}

/** x * sigmoid(x) in float64. */
export function siluExact(x: number): number {
  return x * sigmoidExact(x);
}
