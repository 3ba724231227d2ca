// Natural exponential and logarithm in float64 made of +, -, *, / and square root, so that every engine gives the same bits.
// Source: logarithm after fdlibm e_log.c (Sun Microsystems 1993); exponential by a table of 2^(j/1024) and a cubic.
// Exactness: relative error below 1e-14 (exponential) and 1e-15 (logarithm), measured in exp-log.test.ts.
import { OCTAVE_SHIFT, STEPS_PER_OCTAVE } from './kernels/layout.ts';

/** 1.5 * 2^52: adding and subtracting it rounds a float64 to the nearest integer. */
const ROUNDER = 6755399441055744;
const STEPS_PER_NAT = 1477.3197218702985;
/** ln 2 in two parts; the high one has 31 significant bits, so that products with step counts are exact. */
const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
const STEP_HIGH = LN2_HIGH / STEPS_PER_OCTAVE;
const STEP_LOW = LN2_LOW / STEPS_PER_OCTAVE;
/** Below this the exponential counts as zero: its true value, under 1e-307, cannot move any metric. */
const SMALLEST_EXPONENT = -708;
const OCTAVES = 1023;

/** What `expOfNonPositive` multiplies, adds and compares with, in this order: the kernels take it from here. */
export const EXPONENTIAL_NUMBERS: readonly number[] = [
  STEPS_PER_NAT,
  ROUNDER,
  STEP_HIGH,
  STEP_LOW,
  1 / 2,
  1 / 6,
  SMALLEST_EXPONENT,
];

/** 2^(j / 1024) for j from 0 to 1023. */
export const FRACTIONAL_POWERS: Float64Array = fractionalPowersOfTwo();
const NEGATIVE_POWERS = negativePowersOfTwo();

/** exp(x) for x <= 0; exactly 1 at 0 and 0 below -708 (and for -Infinity). NaN stays NaN. */
export function expOfNonPositive(x: number): number {
  if (x < SMALLEST_EXPONENT) return 0;
  const steps = x * STEPS_PER_NAT + ROUNDER - ROUNDER;
  const r = x - steps * STEP_HIGH - steps * STEP_LOW;
  const polynomial = r + r * r * (1 / 2 + r * (1 / 6));
  const power = FRACTIONAL_POWERS[steps & (STEPS_PER_OCTAVE - 1)]! * NEGATIVE_POWERS[-(steps >> OCTAVE_SHIFT)]!;
  return power + power * polynomial;
}

const float64View = new Float64Array(1);
const wordView = new Uint32Array(float64View.buffer);
/** Index of the half with sign and exponent; engines differ in byte order, never in the value. */
const HIGH_WORD = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0;
const SQRT2_HIGH_WORD = 0x3ff6_a09e;

/** ln(x) for x > 0, subnormals included; -Infinity at 0, NaN below. */
export function naturalLog(x: number): number {
  if (!(x > 0)) return x === 0 ? Number.NEGATIVE_INFINITY : Number.NaN;
  if (x === Number.POSITIVE_INFINITY) return x;
  if (x < 2.2250738585072014e-308) return naturalLog(x * 18014398509481984) - 54 * Math.LN2;
  float64View[0] = x;
  const high = wordView[HIGH_WORD]!;
  let exponent = (high >>> 20) - 1023;
  const mantissa = (high & 0xf_ffff) | 0x3ff0_0000;
  const isUpperHalf = mantissa >= SQRT2_HIGH_WORD;
  if (isUpperHalf) exponent++;
  wordView[HIGH_WORD] = isUpperHalf ? mantissa - 0x10_0000 : mantissa;
  const f = float64View[0]! - 1;
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const even = w * (0.3999999999940942 + w * (0.22222198432149784 + w * 0.15313837699209373));
  const odd = z * (0.6666666666666735 + w * (0.2857142874366239 + w * (0.1818357216161805 + w * 0.14798198605116586)));
  const halfSquare = 0.5 * f * f;
  return exponent * LN2_HIGH - (halfSquare - (s * (halfSquare + even + odd) + exponent * LN2_LOW) - f);
}

/** 10 log10(ratio): decibels of a ratio of energies. */
export function decibels(ratio: number): number {
  return 10 * naturalLog(ratio) * Math.LOG10E;
}

/** exp(x) for any finite x, by reciprocal above 0: for single numbers, not for rows. */
export function exponential(x: number): number {
  return x > 0 ? 1 / expOfNonPositive(-x) : expOfNonPositive(x);
}

function fractionalPowersOfTwo(): Float64Array {
  const powers = new Float64Array(STEPS_PER_OCTAVE).fill(1);
  let root = 2;
  for (let bit = STEPS_PER_OCTAVE / 2; bit >= 1; bit /= 2) {
    root = Math.sqrt(root);
    for (let j = 0; j < STEPS_PER_OCTAVE; j++) if ((j & bit) !== 0) powers[j] = powers[j]! * root;
  }
  return powers;
}

function negativePowersOfTwo(): Float64Array {
  const powers = new Float64Array(OCTAVES);
  for (let k = 0, power = 1; k < OCTAVES; k++, power /= 2) powers[k] = power;
  return powers;
}
