// Moments of two finite rows and of their difference: the second float64 pass, after the scan that gave the means.

import type { Correlation, RowMoments } from '../record/row-metrics.ts';
import { decibels } from './exp-log.ts';
import { pccFromSums } from './pcc.ts';
import type { RowScan } from './row-scan.ts';

export interface MomentsAndCorrelation {
  readonly moments: RowMoments;
  readonly correlation: Correlation;
  /** Sums of squared distances from the mean. */
  readonly goldenSquares: number;
  readonly actualSquares: number;
  /** PCC of `actual` with each control row; null where a row is missing or constant. */
  readonly controlPccs: readonly [number | null, number | null];
}

/** A golden row kept as a negative control, with its sum of squared distances from the mean. */
export interface ControlRow {
  readonly row: Float32Array;
  readonly squares: number;
}

/**
 * Everything that follows from sums, sums of squares and sums of products.
 *
 * @param golden - [n] float32, all finite, n >= 1.
 * @param actual - [n] float32, same.
 * @param goldenScan - of golden.
 * @param actualScan - of actual.
 * @param controls - golden rows [n] of other positions; they share this pass because memory is what it waits for. A
 *   centred row sums to 0, so their means are not needed.
 *
 * Exactness: means first, then centred sums; the residual is summed from centred differences, so that it is right even
 * where the rows agree to the last bits.
 */
export function measureMoments(
  golden: Float32Array,
  actual: Float32Array,
  goldenScan: RowScan,
  actualScan: RowScan,
  controls: readonly [ControlRow | null, ControlRow | null],
): MomentsAndCorrelation {
  const n = golden.length;
  const firstControl = controls[0]?.row ?? actual;
  const secondControl = controls[1]?.row ?? actual;
  let firstProducts = 0;
  let secondProducts = 0;
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
    firstProducts += y * firstControl[i]!;
    secondProducts += y * secondControl[i]!;
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
    controlPccs: [
      pccWithControl(controls[0], firstProducts, actualSquares),
      pccWithControl(controls[1], secondProducts, actualSquares),
    ],
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

function pccWithControl(control: ControlRow | null, products: number, squares: number): number | null {
  return control === null || control.squares === 0 || squares === 0
    ? null
    : pccFromSums(products, control.squares, squares);
}
