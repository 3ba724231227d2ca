// The exponentials and the reciprocal that a job of attention asks for, as they are stored.
// Twin of sfpu/attention-exponentials.ts and of the reciprocal in sfpu/vector-unit.ts.
import {
  ARITHMETIC_FLOAT32, EXPONENTIAL_ACCURATE_2024, EXPONENTIAL_FAST, EXPONENTIAL_TTNN_2026,
  RECIPROCAL_EXACT,
} from '../job-layout';
import {
  expAccurate2024, expExact, expFast, expPolynomial2026, reciprocal2024, roundTiesAway, truncate,
} from './attention-functions';
import { roundToBf16TiesEven } from './bf16';

// @ts-ignore: decorator
@inline
function roundTiesEven(value: f32): f32 {
  return f32x4.extract_lane(roundToBf16TiesEven(f32x4.splat(value)), 0);
}

/** One element of the exponentials that have no vector form. */
function expOfElement(x: f32, exponential: i32, arithmetic: i32): f32 {
  if (exponential == EXPONENTIAL_ACCURATE_2024) return truncate(expAccurate2024(x));
  const power = <f32>expExact(x);
  return arithmetic == ARITHMETIC_FLOAT32 ? power : roundTiesEven(power);
}

/** e^x of four scaled differences: the weights of keys. */
// @ts-ignore: decorator
@inline
export function weightsOf(x: v128, exponential: i32, arithmetic: i32): v128 {
  if (exponential == EXPONENTIAL_FAST || exponential == EXPONENTIAL_TTNN_2026) return expFast(x);
  let weights = f32x4.splat(expOfElement(f32x4.extract_lane(x, 0), exponential, arithmetic));
  weights = f32x4.replace_lane(weights, 1, expOfElement(f32x4.extract_lane(x, 1), exponential, arithmetic));
  weights = f32x4.replace_lane(weights, 2, expOfElement(f32x4.extract_lane(x, 2), exponential, arithmetic));
  return f32x4.replace_lane(weights, 3, expOfElement(f32x4.extract_lane(x, 3), exponential, arithmetic));
}

/** e^x of one scaled difference: what is left of sums and outputs under a new maximum. */
export function decayOf(x: f32, exponential: i32, arithmetic: i32): f32 {
  if (exponential == EXPONENTIAL_FAST) return f32x4.extract_lane(expFast(f32x4.splat(x)), 0);
  if (exponential == EXPONENTIAL_TTNN_2026) return roundTiesAway(expPolynomial2026(x));
  return expOfElement(x, exponential, arithmetic);
}

export function reciprocalOf(value: f32, reciprocal: i32, arithmetic: i32): f32 {
  if (arithmetic == ARITHMETIC_FLOAT32) return 1 / value;
  return reciprocal == RECIPROCAL_EXACT ? roundTiesEven(1 / value) : roundTiesAway(reciprocal2024(value));
}
