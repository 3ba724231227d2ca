// Moments of two finite rows and of their difference: the second float64 pass, after the scan that gave the means.
import { decibels } from './exp-log.ts';
import { pccFromSums } from './pcc.ts';
import type { Correlation, RowMoments } from './row-metrics.ts';
import type { RowScan } from './row-scan.ts';

export interface MomentsAndCorrelation {
  readonly moments: RowMoments;
  readonly correlation: Correlation;
  /** Sums of squared distances from the mean. */
  readonly goldenSquares: number;
  readonly actualSquares: number;
}

/**
 * Everything that follows from sums, sums of squares and sums of products.
 *
 * @param golden - [n] float32, all finite, n >= 1.
 * @param actual - [n] float32, same.
 * @param goldenScan - of golden.
 * @param actualScan - of actual.
 *
 * Exactness: means first, then centred sums; the residual is summed from centred differences, so that it is right even
 * where the rows agree to the last bits.
 */
export function measureMoments(
  golden: Float32Array,
  actual: Float32Array,
  goldenScan: RowScan,
  actualScan: RowScan,
): MomentsAndCorrelation {
  const n = golden.length;
  const goldenMean = goldenScan.mean;
  const actualMean = actualScan.mean;
  let goldenSquares = 0;
  let actualSquares = 0;
  let products = 0;
  let differenceSquares = 0;
  let absoluteErrors = 0;
  let maxAbs = -1;
  let maxAbsIndex = 0;
  for (let i = 0; i < n; i++) {
    const g = golden[i]!;
    const a = actual[i]!;
    const x = g - goldenMean;
    const y = a - actualMean;
    const difference = y - x;
    const error = Math.abs(a - g);
    goldenSquares += x * x;
    actualSquares += y * y;
    products += x * y;
    differenceSquares += difference * difference;
    absoluteErrors += error;
    if (error > maxAbs) {
      maxAbs = error;
      maxAbsIndex = i;
    }
  }

  const isGoldenConstant = goldenScan.min === goldenScan.max;
  const isActualConstant = actualScan.min === actualScan.max;
  const meanError = actualMean - goldenMean;
  const errorEnergy = differenceSquares + n * meanError * meanError;
  const goldenEnergy = goldenSquares + n * goldenMean * goldenMean;
  const actualEnergy = actualSquares + n * actualMean * actualMean;
  const gain = isGoldenConstant ? null : products / goldenSquares;
  const slope = products - goldenSquares;
  const correlation: Correlation =
    n < 2
      ? { kind: 'undefined', reason: 'fewer than two values' }
      : isGoldenConstant
        ? { kind: 'undefined', reason: 'golden is constant' }
        : isActualConstant
          ? { kind: 'undefined', reason: 'actual is constant' }
          : { kind: 'defined', pcc: pccFromSums(products, goldenSquares, actualSquares) };
  return {
    correlation,
    goldenSquares,
    actualSquares,
    moments: {
      cosine:
        goldenEnergy === 0 || actualEnergy === 0
          ? null
          : pccFromSums(products + n * goldenMean * actualMean, goldenEnergy, actualEnergy),
      gain,
      offset: gain === null ? null : actualMean - gain * goldenMean,
      residualSd: isGoldenConstant
        ? null
        : Math.sqrt(Math.max(0, differenceSquares - (slope * slope) / goldenSquares) / n),
      sd: { golden: Math.sqrt(goldenSquares / n), actual: Math.sqrt(actualSquares / n) },
      min: { golden: goldenScan.min, actual: actualScan.min },
      max: { golden: goldenScan.max, actual: actualScan.max },
      maxAbs,
      maxAbsIndex,
      meanAbs: absoluteErrors / n,
      relL2: goldenEnergy === 0 ? null : Math.sqrt(errorEnergy / goldenEnergy),
      nmseDb: goldenEnergy === 0 ? null : decibels(errorEnergy / goldenEnergy),
    },
  };
}

/** A golden row kept as a negative control, with its sum of squared distances from the mean. */
export interface ControlRow {
  readonly row: Float32Array;
  readonly squares: number;
}

/**
 * PCC of one row with two others in one pass: the centred row needs no second mean, since it sums to 0.
 *
 * @param actual - [n] float32, finite.
 * @param mean - of actual; `squares` its sum of squared distances from it.
 * @returns null where a row is missing or constant.
 */
export function correlateControls(
  actual: Float32Array,
  { mean, squares }: { readonly mean: number; readonly squares: number },
  first: ControlRow | null,
  second: ControlRow | null,
): [number | null, number | null] {
  const firstRow = first?.row ?? actual;
  const secondRow = second?.row ?? actual;
  let firstProducts = 0;
  let secondProducts = 0;
  for (let i = 0; i < actual.length; i++) {
    const centred = actual[i]! - mean;
    firstProducts += centred * firstRow[i]!;
    secondProducts += centred * secondRow[i]!;
  }
  const pccWith = (control: ControlRow | null, products: number): number | null =>
    control === null || control.squares === 0 || squares === 0 ? null : pccFromSums(products, control.squares, squares);
  return [pccWith(first, firstProducts), pccWith(second, secondProducts)];
}
