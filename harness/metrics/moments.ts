// Moments of two finite rows and of their difference, and their softmaxes: the second float64 pass, after the scan that gave means and maxima.

import type { Correlation, Pair, RowMoments } from '../record/row-metrics.ts';
import { type Softmax, softmaxOf } from './distribution.ts';
import { decibels } from './exp-log.ts';
import { KERNEL_PASSES } from './kernels/row-kernels.ts';
import { pccFromSums } from './pcc.ts';
import type { RowPasses } from './row-passes.ts';
import type { ScannedRow } from './row-scan.ts';

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

export interface MeasuredPair {
  readonly moments: RowMoments;
  readonly correlation: Correlation;
  readonly softmax: Pair<Softmax>;
  /** Sums of squared distances from the mean; exactly 0 for a constant row, whatever its mean was rounded to. */
  readonly goldenSquares: number;
  readonly actualSquares: number;
  /** PCC of this position's other side with the control row; null where a row is missing or constant. */
  readonly controlPccs: Readonly<Record<keyof ControlRows, number | null>>;
}

/**
 * Everything that follows from sums of values, squares, products and exponentials.
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
  { row: golden, scan: goldenScan }: ScannedRow,
  { row: actual, scan: actualScan }: ScannedRow,
  controls: ControlRows,
  passes: RowPasses = KERNEL_PASSES,
): MeasuredPair {
  const n = golden.length;
  const goldenMean = goldenScan.mean;
  const actualMean = actualScan.mean;
  const sums = passes.measure(
    {
      golden,
      actual,
      previousGolden: controls.previousGolden?.row ?? golden,
      firstGolden: controls.firstGolden?.row ?? golden,
      previousActual: controls.previousActual?.row ?? actual,
    },
    { goldenMean, actualMean, goldenMax: goldenScan.max, actualMax: actualScan.max },
  );
  const { products, differenceSquares, maxAbs, maxAbsIndex } = sums;
  const isGoldenConstant = goldenScan.min === goldenScan.max;
  const isActualConstant = actualScan.min === actualScan.max;
  // The mean of equal values may be a last bit off: what is left of their distances is rounding, no signal.
  const goldenSquares = isGoldenConstant ? 0 : sums.goldenSquares;
  const actualSquares = isActualConstant ? 0 : sums.actualSquares;
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
    softmax: { golden: softmaxOf(goldenScan.max, sums.golden), actual: softmaxOf(actualScan.max, sums.actual) },
    goldenSquares,
    actualSquares,
    controlPccs: {
      previousGolden: pccWithControl(controls.previousGolden, sums.previousGoldenProducts, actualSquares),
      firstGolden: pccWithControl(controls.firstGolden, sums.firstGoldenProducts, actualSquares),
      previousActual: pccWithControl(controls.previousActual, sums.previousActualProducts, goldenSquares),
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
      meanAbs: sums.absoluteErrors / n,
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
