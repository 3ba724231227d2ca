// The range of a set of exponents in one 32-bit word: smallest field in the low half, largest in the high half.

/** Of no operands, or of zeros only. */
export const EMPTY_MINIMUM: i16 = 1000;
export const EMPTY_MAXIMUM: i16 = -1000;

// @ts-ignore: decorator
@inline
export function rangeOfFields(smallest: i32, largest: i32): i32 {
  return (largest << 16) | (smallest & 0xffff);
}

// @ts-ignore: decorator
@inline
export function smallestOf(range: i32): i32 {
  return <i32>(<i16>(range & 0xffff));
}

// @ts-ignore: decorator
@inline
export function largestOf(range: i32): i32 {
  return range >> 16;
}

// @ts-ignore: decorator
@inline
export function unionOf(a: i32, b: i32): i32 {
  return rangeOfFields(min(smallestOf(a), smallestOf(b)), max(largestOf(a), largestOf(b)));
}

/** Magnitudes of four float32 less one: of zeros the largest unsigned number, so that they are never the smallest. */
// @ts-ignore: decorator
@inline
export function lessOne(values: v128): v128 {
  return i32x4.sub(v128.and(values, i32x4.splat(0x7fffffff)), i32x4.splat(1));
}

/** @param smallest - unsigned minima of `lessOne`. @param largest - signed maxima of it: of zeros -1. */
// @ts-ignore: decorator
@inline
export function rangeOfMagnitudes(smallest: v128, largest: v128): i32 {
  let low = i32x4.min_u(smallest, v128.shuffle<i32>(smallest, smallest, 2, 3, 0, 1));
  low = i32x4.min_u(low, v128.shuffle<i32>(low, low, 1, 0, 3, 2));
  let high = i32x4.max_s(largest, v128.shuffle<i32>(largest, largest, 2, 3, 0, 1));
  high = i32x4.max_s(high, v128.shuffle<i32>(high, high, 1, 0, 3, 2));
  const least = i32x4.extract_lane(low, 0);
  return least == -1
    ? rangeOfFields(EMPTY_MINIMUM, EMPTY_MAXIMUM)
    : rangeOfFields((least + 1) >> 23, (i32x4.extract_lane(high, 0) + 1) >> 23);
}
