// Correlation of sampled values, which decides whether numbers are those of the base in another place.

/** Pearson's; 0 where a side is constant. @param other - of the same length. */
export function correlation(values: ArrayLike<number>, other: ArrayLike<number>): number {
  const count = values.length;
  let sumA = 0;
  let sumB = 0;
  for (let i = 0; i < count; i++) {
    sumA += values[i]!;
    sumB += other[i]!;
  }
  const meanA = sumA / count;
  const meanB = sumB / count;
  let aa = 0;
  let bb = 0;
  let ab = 0;
  for (let i = 0; i < count; i++) {
    const a = values[i]! - meanA;
    const b = other[i]! - meanB;
    aa += a * a;
    bb += b * b;
    ab += a * b;
  }
  return aa === 0 || bb === 0 || !Number.isFinite(ab) ? 0 : ab / Math.sqrt(aa * bb);
}

/** From here on sampled values are the base's, quantised. */
export const SAME_VALUES_MIN = 0.8;

/** Whether an explanation fits, and leaves less than a quarter of what the plain reading leaves unexplained. */
export function isBetter(explained: number, plain: number): boolean {
  return explained >= SAME_VALUES_MIN && 1 - explained ** 2 < (1 - plain ** 2) / 4;
}
