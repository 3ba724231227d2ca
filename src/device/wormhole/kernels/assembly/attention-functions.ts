// Exponentials and reciprocals of attention; twins of the functions of the same names in sfpu/.
// Source: n150-numerics D.1, D.2, D.3 and section I.
// Exactness: the twins' arithmetic step by step: float64 between, one rounding to float32 where they have one.
import { bf16TiesAwayBits } from './bf16';

// @ts-ignore: decorator
@inline
function multiplyAdd(a: f64, b: f64, c: f64): f32 {
  const sum = <f32>(a * b + c);
  return abs(sum) < reinterpret<f32>(0x00800000) ? 0 : sum;
}

const SLOPE: f64 = <f64>(<f32>369.329925537);
const OFFSET: f64 = <f64>(<f32>32500.818359375);
const LOWEST_ARGUMENT: f32 = -88.5;

// @ts-ignore: decorator
@inline
function linearOfTwo(x: v128): v128 {
  const product = f64x2.mul(f64x2.promote_low_f32x4(x), f64x2.splat(SLOPE));
  return f32x4.demote_f64x2_zero(f64x2.add(product, f64x2.splat(OFFSET)));
}

/** e^x of four float32, cut to bfloat16. */
// @ts-ignore: decorator
@inline
export function expFast(argument: v128): v128 {
  // pmax and pmin keep a first operand that is no number, and are one instruction.
  const x = f32x4.pmax(argument, f32x4.splat(LOWEST_ARGUMENT));
  const high = linearOfTwo(v128.shuffle<i32>(x, x, 2, 3, 2, 3));
  const linear = v128.shuffle<i32>(linearOfTwo(x), high, 0, 1, 4, 5);
  const clamped = f32x4.pmin(f32x4.pmax(linear, f32x4.splat(0)), f32x4.splat(65535));
  const whole = i32x4.trunc_sat_f32x4_s(clamped);
  const rest = f32x4.sub(clamped, f32x4.convert_i32x4_s(whole));
  // A comparison gives -1 where it holds.
  const nearest = i32x4.sub(whole, f32x4.ge(rest, f32x4.splat(0.5)));
  return v128.and(i32x4.shl(nearest, 15), i32x4.splat(0xffff0000));
}

/** The chip stops squaring here. */
const SQUARINGS_MAX: i32 = 8;

/** e^x of 2024, float32. */
export function expAccurate2024(x: f32): f32 {
  let magnitude = abs(x);
  let squarings = 0;
  // Float32's largest magnitude needs 128 halvings.
  while (magnitude >= 1 && squarings < 128) {
    magnitude *= 0.5;
    squarings++;
  }
  const inner = multiplyAdd(magnitude, <f64>(<f32>0.8373), <f64>(<f32>0.863281));
  let result = multiplyAdd(magnitude, inner, 1);
  for (let i = 0; i < min(squarings, SQUARINGS_MAX); i++) result *= result;
  return x < 0 ? reciprocal2024(result) : result;
}

const LN2_HIGH: f64 = 0.6931471803691238;
const LN2_LOW: f64 = 1.9082149292705877e-10;
const LOG2_E: f64 = 1.4426950408889634;

// @ts-ignore: decorator
@inline
function powerOfTwo(power: i32): f64 {
  return reinterpret<f64>(<u64>(power + 1023) << 52);
}

/** e^x in float64. */
export function expExact(x: f64): f64 {
  if (x != x) return x;
  if (x > 709.782712893384) return Infinity;
  if (x < -745.1332191019412) return 0;
  const power = Math.floor(x * LOG2_E + 0.5);
  const high = x - power * LN2_HIGH;
  const low = power * LN2_LOW;
  const reduced = high - low;
  let series: f64 = 1.0 / 6227020800.0;
  series = series * reduced + 1.0 / 479001600.0;
  series = series * reduced + 1.0 / 39916800.0;
  series = series * reduced + 1.0 / 3628800.0;
  series = series * reduced + 1.0 / 362880.0;
  series = series * reduced + 1.0 / 40320.0;
  series = series * reduced + 1.0 / 5040.0;
  series = series * reduced + 1.0 / 720.0;
  series = series * reduced + 1.0 / 120.0;
  series = series * reduced + 1.0 / 24.0;
  series = series * reduced + 1.0 / 6.0;
  series = series * reduced + 1.0 / 2.0;
  const error = high - reduced - low;
  const result = 1 + (reduced + (error + reduced * reduced * series));
  const half = <i32>power >> 1;
  return result * powerOfTwo(half) * powerOfTwo(<i32>power - half);
}

/** e^x of ttnn 0.81's decays in a 16-bit Dst, float32 before it is stored. */
export function expPolynomial2026(x: f32): f32 {
  const scaled = <f64>(x * <f32>LOG2_E);
  const nearest = Math.floor(abs(scaled) + 0.5);
  const power = min<f64>(max<f64>(scaled < 0 ? -nearest : nearest, -127), 127);
  if (power == -127) return 0;
  const rest = multiplyAdd(power, <f64>(<f32>-0.6931471805599453), x);
  let value = <f32>0.5062836705674557;
  value = multiplyAdd(value, rest, <f64>(<f32>1.0150876009852106));
  value = multiplyAdd(value, rest, <f64>(<f32>0.9998487929243953));
  return <f32>(<f64>value * powerOfTwo(<i32>power));
}

/** 1 / x of 2024, float32. */
export function reciprocal2024(value: f32): f32 {
  const bits = reinterpret<u32>(value);
  const exponent = <i32>((bits >> 23) & 0xff);
  if (exponent == 0) return <i32>bits < 0 ? -Infinity : Infinity;
  if (exponent == 0xff) return 0;
  const guess: f64 = <f64>(<f32>LOG2_E);
  const mantissa: f64 = <f64>reinterpret<f32>((126 << 23) | (bits & 0x007fffff));
  let inverse = <f32>(guess * multiplyAdd(-mantissa, guess, 2));
  inverse *= multiplyAdd(-mantissa, inverse, 2);
  inverse *= multiplyAdd(-mantissa, inverse, 2);
  const scaled = <f32>(<f64>inverse * powerOfTwo(126 - exponent));
  return value < 0 ? -scaled : scaled;
}

/** Float32 to bfloat16, ties away; a NaN becomes infinity. */
// @ts-ignore: decorator
@inline
export function roundTiesAway(value: f32): f32 {
  return reinterpret<f32>(bf16TiesAwayBits(reinterpret<u32>(value)));
}

/** Float32 cut to bfloat16. */
// @ts-ignore: decorator
@inline
export function truncate(value: f32): f32 {
  return reinterpret<f32>(reinterpret<u32>(value) & 0xffff0000);
}
