// The exponential of ttnn 0.81 for bfloat16: 2^(x log2 e) with the fraction's power as a quadratic ("exp_21f").
// Source: n150-numerics section I; Moroz et al. 2022, algorithm exp_21f, as tt-metal's kernels use it.
// Exactness: bit-exact on the simulator's 4096 values of exp, and of sigmoid and SiLU that build on it.
import { float32Bits, float32FromBits } from '../../../numerics/float-bits.ts';
import { multiplyAdd } from './multiply-add.ts';

const LOG2_E = Math.fround(Math.LOG2E);
const EXPONENT_BIAS = 127;
const FRACTION_UNITS = 2 ** 23;

/** Quadratic in the fraction's integer (0 … 2^23 - 1), highest power first. */
const QUADRATIC = Math.fround(4.791750143340323e-15);
const LINEAR = Math.fround(7.839635491371155e-8);

/** Constant term: in full inside sigmoid; the exp kernel loads it as a half, 1 + 2^-9. */
const CONSTANT = Math.fround(1.0017248);
const CONSTANT_AS_HALF = 1.001953125;

/** e^x before its rounding to bfloat16, float32, as sigmoid and SiLU use it. */
export function expForSigmoid2026(x: number): number {
  return powerOfTwo(x, CONSTANT);
}

/** e^x before its rounding to bfloat16, float32, as the exp op computes it. */
export function exp2026(x: number): number {
  return powerOfTwo(x, CONSTANT_AS_HALF);
}

function powerOfTwo(x: number, constant: number): number {
  const biased = Math.min(Math.max(multiplyAdd(x, LOG2_E, EXPONENT_BIAS), 0), 255);
  const fixed = Math.trunc(biased * FRACTION_UNITS);
  const exponent = Math.floor(fixed / FRACTION_UNITS);
  const fraction = fixed - exponent * FRACTION_UNITS;
  const power = multiplyAdd(multiplyAdd(QUADRATIC, fraction, LINEAR), fraction, constant);
  return float32FromBits((exponent << 23) | (float32Bits(power) & 0x007f_ffff));
}
