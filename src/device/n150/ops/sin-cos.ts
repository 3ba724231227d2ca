// Sine, cosine and power in float64 of our own, the same bits on every JavaScript engine.
// Source: Cody-Waite reduction by pi/2 in three parts, Taylor series on [-pi/4, pi/4]; ln by the atanh series.
// Exactness: |error| below 2e-15 for |x| <= 262,144 (sin-cos.test.ts).
import { expExact } from '../../wormhole/sfpu/exp-exact.ts';

const TWO_OVER_PI = 0.6366197723675814;
/** pi/2 in parts of 33 bits: a multiple below 2^20 of each is exact. */
const HALF_PI_1 = 1.5707963267341256;
const HALF_PI_2 = 6.077100506303966e-11;
const HALF_PI_3 = 2.0222662487959506e-21;

const SINE = [-1 / 1307674368000, 1 / 6227020800, -1 / 39916800, 1 / 362880, -1 / 5040, 1 / 120, -1 / 6];
const COSINE = [-1 / 87178291200, 1 / 479001600, -1 / 3628800, 1 / 40320, -1 / 720, 1 / 24, -1 / 2];

/** Writes [sin x, cos x] in float64 to `out`. */
export function sinCos(x: number, out: Float64Array): void {
  const quadrant = Math.floor(x * TWO_OVER_PI + 0.5);
  const reduced = x - quadrant * HALF_PI_1 - quadrant * HALF_PI_2 - quadrant * HALF_PI_3;
  const square = reduced * reduced;
  const sine = reduced + reduced * square * horner(SINE, square);
  const cosine = 1 + square * horner(COSINE, square);
  const turn = ((quadrant % 4) + 4) % 4;
  out[0] = turn === 0 ? sine : turn === 1 ? cosine : turn === 2 ? -sine : -cosine;
  out[1] = turn === 0 ? cosine : turn === 1 ? -sine : turn === 2 ? -cosine : sine;
}

function horner(coefficients: readonly number[], x: number): number {
  let value = 0;
  for (const coefficient of coefficients) value = value * x + coefficient;
  return value;
}

const LN2 = Math.LN2;

/** ln x of a positive, normal float64; relative error of a few 1e-16. */
export function naturalLogarithm(x: number): number {
  let mantissa = x;
  let exponent = 0;
  while (mantissa > Math.SQRT2) {
    mantissa *= 0.5;
    exponent++;
  }
  while (mantissa < Math.SQRT1_2) {
    mantissa *= 2;
    exponent--;
  }
  const ratio = (mantissa - 1) / (mantissa + 1);
  const square = ratio * ratio;
  let series = 0;
  for (let power = 27; power >= 1; power -= 2) series = series * square + 1 / power;
  return exponent * LN2 + 2 * ratio * series;
}

/** base^exponent for a positive base, relative error of about 1e-15. */
export function powerOf(base: number, exponent: number): number {
  return expExact(exponent * naturalLogarithm(base));
}
