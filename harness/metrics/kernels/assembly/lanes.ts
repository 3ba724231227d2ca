// Lanes of sums as pairs of float64: entries 0 and 1 of each four, and 2 and 3.

/** Two neighbouring float32 as float64. */
// @ts-ignore: decorator
@inline
export function pairAt(at: usize): v128 {
  return f64x2.promote_low_f32x4(v128.load64_zero(at));
}

/** Address of a float64 among sums. */
// @ts-ignore: decorator
@inline
export function fieldAt(start: usize, field: i32): usize {
  return start + (<usize>field << 3);
}

// @ts-ignore: decorator
@inline
export function storeLanes(at: usize, lanes01: v128, lanes23: v128): void {
  v128.store(at, lanes01);
  v128.store(at, lanes23, 16);
}
