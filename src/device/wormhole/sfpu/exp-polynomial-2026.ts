// The exponential of flash decode's decays in ttnn 0.81: 2^k times a minimax polynomial in the rest.
// Source: tt-metal's SDPA kernels of 2026 (degree 2 for a 16-bit Dst, 4 for a 32-bit one); n150-numerics section I.
// Exactness: reproduces every decay of the recorded attention and of a whole recorded model (see vector-check).
import { multiplyAdd } from './multiply-add.ts';

/** 1 / ln 2 and -ln 2, as float32. */
const LN2_RECIPROCAL = Math.fround(Math.LOG2E);
const MINUS_LN2 = Math.fround(-Math.LN2);

/** Highest power first. */
const DEGREE_2 = [0.5062836705674557, 1.0150876009852106, 0.9998487929243953].map(Math.fround);
const DEGREE_4 = [
  0.041959439860014346, 0.16792157982882225, 0.4999836570461543, 0.9999622811704765, 1.0000001510806178,
].map(Math.fround);

/** k is clamped here; the lowest one means that the result is zero. */
const LARGEST_POWER = 127;

/**
 * @param x - float32, at most 0 in attention.
 * @param degree - 2 or 4: relative error below 1.8e-3 or 4e-6.
 * @returns float32 before it is stored; 0 from -127 ln 2 down.
 */
export function expPolynomial2026(x: number, degree: 2 | 4): number {
  const scaled = Math.fround(x * LN2_RECIPROCAL);
  // Nearest, ties away from zero.
  const nearest = Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5);
  const power = Math.min(Math.max(nearest, -LARGEST_POWER), LARGEST_POWER);
  if (power === -LARGEST_POWER) return 0;
  const rest = multiplyAdd(power, MINUS_LN2, x);
  const coefficients = degree === 2 ? DEGREE_2 : DEGREE_4;
  let value = coefficients[0]!;
  for (let i = 1; i < coefficients.length; i++) value = multiplyAdd(value, rest, coefficients[i]!);
  return Math.fround(value * 2 ** power);
}
