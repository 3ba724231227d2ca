// The vector unit's multiply-add: float32 in, float32 out, denormals flushed.
// Source: n150-numerics D.
// Exactness: not the chip's, which keeps three bits of the product below float32's last before it adds, nor a fused one: the sum is
// rounded to float64 and then to float32. No value that the graph's functions store shows it, over all bfloat16 inputs
// (multiply-add.test.ts); a function that is new here must be added there.

const SMALLEST_NORMAL = 2 ** -126;

/** a * b + c, by way of float64, which has the product exactly; results below 2^-126 become zero. */
export function multiplyAdd(a: number, b: number, c: number): number {
  const sum = Math.fround(a * b + c);
  return Math.abs(sum) < SMALLEST_NORMAL ? 0 : sum;
}
