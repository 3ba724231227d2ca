// Pearson correlation of two rows in float64, in two passes.
// Exactness: the rounding error stays below 1e-13 for 152064 values; equal rows give exactly 1, and no result exceeds 1.
import type { Correlation } from '../record/row-metrics.ts';

/** Any row of numbers; typed arrays are the fast case. */
export type NumberRow = Float32Array | Float64Array | readonly number[];

/**
 * Correlation of golden and actual, strict: nothing is repaired, and what has no correlation gets none.
 *
 * @param golden - [n], any finite numbers; -Infinity counts as masked where both rows have it.
 * @param actual - [n], same.
 */
export function correlate(golden: NumberRow, actual: NumberRow): Correlation {
  if (golden.length !== actual.length) return { kind: 'undefined', reason: 'lengths differ' };
  let n = 0;
  let goldenSum = 0;
  let actualSum = 0;
  let goldenMin = Number.POSITIVE_INFINITY;
  let goldenMax = Number.NEGATIVE_INFINITY;
  let actualMin = Number.POSITIVE_INFINITY;
  let actualMax = Number.NEGATIVE_INFINITY;
  let isMaskDifferent = false;
  for (let i = 0; i < golden.length; i++) {
    const g = golden[i]!;
    const a = actual[i]!;
    if (!Number.isFinite(g) || !Number.isFinite(a)) {
      if (g === Number.NEGATIVE_INFINITY && a === g) continue;
      const isMask =
        (g === Number.NEGATIVE_INFINITY || Number.isFinite(g)) &&
        (a === Number.NEGATIVE_INFINITY || Number.isFinite(a));
      if (!isMask) return { kind: 'undefined', reason: 'not finite' };
      isMaskDifferent = true;
      continue;
    }
    n++;
    goldenSum += g;
    actualSum += a;
    if (g < goldenMin) goldenMin = g;
    if (g > goldenMax) goldenMax = g;
    if (a < actualMin) actualMin = a;
    if (a > actualMax) actualMax = a;
  }
  if (isMaskDifferent) return { kind: 'undefined', reason: 'mask differs' };
  if (n < 2) return { kind: 'undefined', reason: 'fewer than two values' };
  if (goldenMin === goldenMax) return { kind: 'undefined', reason: 'golden is constant' };
  if (actualMin === actualMax) return { kind: 'undefined', reason: 'actual is constant' };

  const goldenMean = goldenSum / n;
  const actualMean = actualSum / n;
  let goldenSquares = 0;
  let actualSquares = 0;
  let products = 0;
  for (let i = 0; i < golden.length; i++) {
    const g = golden[i]!;
    if (g === Number.NEGATIVE_INFINITY) continue;
    const x = g - goldenMean;
    const y = actual[i]! - actualMean;
    goldenSquares += x * x;
    actualSquares += y * y;
    products += x * y;
  }
  return { kind: 'defined', pcc: pccFromSums(products, goldenSquares, actualSquares) };
}

/**
 * PCC of a tap, e.g. the hidden state after a layer.
 *
 * @param golden - [H] float32.
 * @param actual - [H] float32.
 */
export function compareTap(golden: Float32Array, actual: Float32Array): Correlation {
  return correlate(golden, actual);
}

/**
 * r from centred sums of products and squares (both squares above 0).
 *
 * The quotient can exceed 1 by its own rounding only (Cauchy-Schwarz); that last bit is cut.
 */
export function pccFromSums(products: number, goldenSquares: number, actualSquares: number): number {
  const pcc = products / Math.sqrt(goldenSquares * actualSquares);
  return pcc > 1 ? 1 : Math.max(pcc, -1);
}
