// Rows of B · A in float32 as torch computes them on a CPU: the addends in order of the rank, each with one fused multiply-add.
// Source: torch 2.13.0 `B @ A` with MKL on a processor with AVX-512; equal bit for bit for ranks 1 to 64 and every shape tried, with one
// thread and with two. Plain float32 additions differ in a quarter (rank 2) to two thirds (rank 64) of the values there.
// Another processor sums otherwise: with MKL held to AVX2 0 to 11 % of the values differ (edges of its tiles), with SSE it adds plainly.
// Exactness: the product of two float32 is exact in float64. Its sum with the accumulator is rounded twice, to float64 and to float32,
// which is wrong only where the first lands on the middle between two float32: there the first rounding's own error decides.

/**
 * One row of a product of two thin matrices.
 *
 * @param left - [rank] the row's coefficients, from `firstLeft` on.
 * @param right - [rank, columns] row-major.
 * @param sums - [columns] filled whole.
 */
export function lowRankRow(
  left: Float32Array,
  firstLeft: number,
  right: Float32Array,
  rank: number,
  sums: Float32Array,
): void {
  const columns = sums.length;
  sums.fill(0);
  for (let k = 0; k < rank; k++) {
    const coefficient = left[firstLeft + k]!;
    const start = k * columns;
    for (let column = 0; column < columns; column++) {
      const product = coefficient * right[start + column]!;
      const before = sums[column]!;
      const sum = product + before;
      const near = Math.fround(sum);
      const distance = sum - near;
      // As far on the other side: a float32 only if `sum` is the middle between it and `near`.
      const far = near + 2 * distance;
      sums[column] = far === Math.fround(far) && distance !== 0 ? middleRounded(product, before, near, far) : near;
    }
  }
}

/** `product + before`, whose float64 sum is the middle between two float32, rounded to the one that it is nearer to. */
function middleRounded(product: number, before: number, near: number, far: number): number {
  const sum = product + before;
  const share = sum - product;
  const error = product - (sum - share) + (before - share);
  if (error === 0) return near;
  return error > 0 ? Math.max(near, far) : Math.min(near, far);
}
