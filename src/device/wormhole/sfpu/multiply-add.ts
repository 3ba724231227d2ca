// The vector unit's multiply-add: float32 in, float32 out, denormals flushed.
// Source: n150-numerics D (the chip keeps guard, round and sticky bits of the product).
// Exactness: float64 in between, one rounding to float32; the product of two float32 is exact in float64.

const SMALLEST_NORMAL = 2 ** -126;

/** a * b + c, rounded once to float32; results below 2^-126 become zero. */
export function multiplyAdd(a: number, b: number, c: number): number {
  const sum = Math.fround(a * b + c);
  return Math.abs(sum) < SMALLEST_NORMAL ? 0 : sum;
}
