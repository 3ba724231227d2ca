// Moments of two finite rows and of their difference: the second float64 pass, after the scan that gave the means.

import type { Correlation, RowMoments } from '../record/row-metrics.ts';
import { decibels } from './exp-log.ts';
import type { MeasuredRow } from './measured-row.ts';
import { pccFromSums } from './pcc.ts';

/** Rows of other positions that this position's rows should not fit; null where there is none. */
export interface ControlRows {
  readonly previousGolden: ControlRow | null;
  readonly firstGolden: ControlRow | null;
  readonly previousActual: ControlRow | null;
}

/** A row kept as a negative control, [n], with its sum of squared distances from the mean: 0 if it is constant. */
export interface ControlRow {
  readonly row: Float32Array;
  readonly squares: number;
}

export interface MomentsAndCorrelation {
  readonly moments: RowMoments;
  readonly correlation: Correlation;
  /** Sums of squared distances from the mean; exactly 0 for a constant row, whatever its mean was rounded to. */
  readonly goldenSquares: number;
  readonly actualSquares: number;
  /** PCC of this position's other side with the control row; null where a row is missing or constant. */
  readonly controlPccs: Readonly<Record<keyof ControlRows, number | null>>;
}

/**
 * Everything that follows from sums, sums of squares and sums of products.
 *
 * @param golden - row [n] float32, all finite, n >= 1, with its scan.
 * @param actual - row [n], same.
 * @param controls - they share this pass because memory is what it waits for. A centred row sums to 0, so their means
 *   are not needed.
 *
 * Exactness: means first, then centred sums; the residual is summed from centred differences, so that it is right even
 * where the rows agree to the last bits.
 */
export function measureMoments(
  { row: golden, scan: goldenScan }: Pick<MeasuredRow, 'row' | 'scan'>,
  { row: actual, scan: actualScan }: Pick<MeasuredRow, 'row' | 'scan'>,
  controls: ControlRows,
): MomentsAndCorrelation {
  const n = golden.length;
  const previousGolden = controls.previousGolden?.row ?? golden;
  const firstGolden = controls.firstGolden?.row ?? golden;
  const previousActual = controls.previousActual?.row ?? actual;
  let previousGoldenProducts = 0;
  let firstGoldenProducts = 0;
  let previousActualProducts = 0;
  const goldenMean = goldenScan.mean;
  const actualMean = actualScan.mean;
  let goldenSpread = 0;
  let actualSpread = 0;
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
    goldenSpread += x * x;
    actualSpread += y * y;
    products += x * y;
    previousGoldenProducts += y * previousGolden[i]!;
    firstGoldenProducts += y * firstGolden[i]!;
    previousActualProducts += x * previousActual[i]!;
    differenceSquares += difference * difference;
    absoluteErrors += error;
    if (error > maxAbs) {
      maxAbs = error;
      maxAbsIndex = i;
    }
  }

  const isGoldenConstant = goldenScan.min === goldenScan.max;
  const isActualConstant = actualScan.min === actualScan.max;
  // The mean of equal values may be a last bit off: what is left of their distances is rounding, no signal.
  const goldenSquares = isGoldenConstant ? 0 : goldenSpread;
  const actualSquares = isActualConstant ? 0 : actualSpread;
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
    controlPccs: {
      previousGolden: pccWithControl(controls.previousGolden, previousGoldenProducts, actualSquares),
      firstGolden: pccWithControl(controls.firstGolden, firstGoldenProducts, actualSquares),
      previousActual: pccWithControl(controls.previousActual, previousActualProducts, goldenSquares),
    },
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
