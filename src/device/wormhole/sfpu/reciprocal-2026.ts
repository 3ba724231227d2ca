// The reciprocal of ttnn 0.81: a quadratic first guess of the mantissa and one or two Newton steps.
// Source: n150-numerics section I; tt-metal's kernel of 2025 on.
// Exactness: bit-exact on the simulator's 4096 bfloat16 values with two steps; one step is exact inside sigmoid.
import { float32Bits, float32FromBits } from '../../../numerics/float-bits.ts';
import { multiplyAdd } from './multiply-add.ts';

const GUESS_QUADRATIC = Math.fround(0.323232501745224);
const GUESS_LINEAR = Math.fround(1.4545459747314453);
const GUESS_CONSTANT = Math.fround(2.1212124824523926);

/**
 * @param steps - Newton steps: 2 in the reciprocal op, 1 inside sigmoid and SiLU.
 * @returns float32, before its rounding to bfloat16.
 */
export function reciprocal2026(value: number, steps: 1 | 2): number {
  const bits = float32Bits(value);
  // The mantissa as a number in (-2, -1].
  const negative = float32FromBits(0xbf80_0000 | (bits & 0x007f_ffff));
  let inverse = multiplyAdd(GUESS_QUADRATIC, negative, GUESS_LINEAR);
  inverse = multiplyAdd(inverse, negative, GUESS_CONSTANT);
  for (let step = 0; step < steps; step++) {
    const error = multiplyAdd(negative, inverse, 1);
    inverse = multiplyAdd(inverse, error, inverse);
  }
  // The complement of the exponent field is 255 - field; halved, 254 - field.
  const scale = Math.fround(0.5 * float32FromBits(~bits & 0x7f80_0000));
  const scaled = Math.fround(inverse * scale);
  return value < 0 ? -scaled : scaled;
}
