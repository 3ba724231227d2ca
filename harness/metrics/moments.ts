// Moments of two finite rows and of their difference, in two float64 passes.
import { decibels } from './exp-log.ts';
import { pccFromSums } from './pcc.ts';
import type { Correlation, RowMoments } from './row-metrics.ts';

export interface MomentsAndCorrelation {
  readonly moments: RowMoments;
  readonly correlation: Correlation;
  readonly goldenMean: number;
  readonly actualMean: number;
  /** Sums of squared distances from the mean. */
  readonly goldenSquares: number;
  readonly actualSquares: number;
}

/**
 * Everything that follows from sums, sums of squares and sums of products.
 *
 * @param golden - [n] float32, all finite, n >= 1.
 * @param actual - [n] float32, same.
 *
 * Exactness: means first, then centred sums; the residual is summed from centred differences, so that it is right even
 * where the rows agree to the last bits.
 */
export function measureMoments(golden: Float32Array, actual: Float32Array): MomentsAndCorrelation {
  const n = golden.length;
  let goldenSum = 0;
  let actualSum = 0;
  let goldenMin = golden[0]!;
  let goldenMax = goldenMin;
  let actualMin = actual[0]!;
  let actualMax = actualMin;
  for (let i = 0; i < n; i++) {
    const g = golden[i]!;
    const a = actual[i]!;
    goldenSum += g;
    actualSum += a;
    if (g < goldenMin) goldenMin = g;
    if (g > goldenMax) goldenMax = g;
    if (a < actualMin) actualMin = a;
    if (a > actualMax) actualMax = a;
  }
  const goldenMean = goldenSum / n;
  const actualMean = actualSum / n;

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

  const isGoldenConstant = goldenMin === goldenMax;
  const isActualConstant = actualMin === actualMax;
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
    goldenMean,
    actualMean,
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
      min: { golden: goldenMin, actual: actualMin },
      max: { golden: goldenMax, actual: actualMax },
      maxAbs,
      maxAbsIndex,
      meanAbs: absoluteErrors / n,
      relL2: goldenEnergy === 0 ? null : Math.sqrt(errorEnergy / goldenEnergy),
      nmseDb: goldenEnergy === 0 ? null : decibels(errorEnergy / goldenEnergy),
    },
  };
}

/** A row with its mean and sum of squared distances from it, kept to be correlated again. */
export interface CentredRow {
  readonly row: Float32Array;
  readonly mean: number;
  readonly squares: number;
}

/** PCC of two rows whose means are known: one pass. null where either is constant or the lengths differ. */
export function correlateCentred(a: CentredRow, b: CentredRow): number | null {
  if (a.squares === 0 || b.squares === 0 || a.row.length !== b.row.length) return null;
  let products = 0;
  for (let i = 0; i < a.row.length; i++) products += (a.row[i]! - a.mean) * (b.row[i]! - b.mean);
  return pccFromSums(products, a.squares, b.squares);
}
