// a * b + c in four float32 lanes: one instruction where the module and the processor have it, else two.
// Exactness: both give the same bits where a * b is exact, and whether it is says areProductsExact.
import { largestOf, smallestOf } from './exponent-range';

/** Least sum of two exponent fields whose bfloat16 product ends at or above float32's last bit, 2^-149. */
const SMALLEST_SUM: i32 = 119;
/** Largest sum of two exponent fields whose bfloat16 product is finite for certain. */
export const LARGEST_SUM: i32 = 380;

// @ts-ignore: decorator
@inline
export function multiplyAdd(a: v128, b: v128, c: v128, isFused: bool): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) {
    // Relaxed: a processor without the instruction rounds twice, which changes nothing either.
    if (isFused) return f32x4.relaxed_madd(a, b, c);
  }
  return f32x4.add(c, f32x4.mul(a, b));
}

/**
 * Whether every product of a bfloat16 activation and a bfloat16 weight, 16 significant bits at most, is a float32.
 *
 * @param activations - smallest (low half) and largest exponent field (high half) of the nonzero ones. @param weights - likewise.
 */
export function areProductsExact(activations: i32, weights: i32): bool {
  return (
    ASC_FEATURE_RELAXED_SIMD != 0 &&
    smallestOf(activations) + smallestOf(weights) >= SMALLEST_SUM &&
    largestOf(activations) + largestOf(weights) <= LARGEST_SUM &&
    largestOf(activations) < 255 &&
    largestOf(weights) < 255
  );
}
