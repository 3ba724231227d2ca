// The passes over a pair of logits rows, in plain code that defines their sums: entry i counts to lane i mod 4, lanes are joined in the end.
// The kernels are twins of it, bit for bit; what is left of a row after whole strips is added here.
import { expOfNonPositive } from './exp-log.ts';
import {
  ABSOLUTE_ERRORS,
  ACTUAL_EXPONENTIALS,
  ACTUAL_SQUARES,
  DIFFERENCE_SQUARES,
  FIRST_GOLDEN_PRODUCTS,
  GOLDEN_EXPONENTIALS,
  GOLDEN_SQUARES,
  LANES,
  LARGEST_ERROR,
  LARGEST_ERROR_AT,
  PAIR_FIELDS,
  PREVIOUS_ACTUAL_PRODUCTS,
  PREVIOUS_GOLDEN_PRODUCTS,
  PRODUCTS,
  ROW_FIELDS,
  ROW_SUM,
  STRIP_SIZE,
  TOP_COUNT,
  TOP_FILLED,
  TOP_IDS,
  TOP_VALUES,
  ZEROS,
} from './kernels/layout.ts';

/** What a scan finds of parts of a row and of single entries. */
export interface ScanArrays {
  /** Least and largest values of each strip, [strips] float32; no NaN, no -0, and infinities where a strip has no number. */
  readonly stripMin: Float32Array;
  readonly stripMax: Float32Array;
  /** Ids of the largest values, largest first, equal ones by lower id, of a row without NaN: [TOP_COUNT], or as many as the row has. */
  readonly topIds: Int32Array;
}

export interface RowSums {
  readonly sum: number;
  readonly zeros: number;
}

/** A pair of finite rows, [n] float32 each, and the rows that are multiplied with them; `golden` or `actual` where there is none. */
export interface PairRows {
  readonly golden: Float32Array;
  readonly actual: Float32Array;
  /** Multiplied with actual's distances from the mean. */
  readonly previousGolden: Float32Array;
  readonly firstGolden: Float32Array;
  /** Multiplied with golden's. */
  readonly previousActual: Float32Array;
}

/** What a scan has found of both rows. */
export interface PairShifts {
  readonly goldenMean: number;
  readonly actualMean: number;
  readonly goldenMax: number;
  readonly actualMax: number;
}

/** Of one side, e = exp(row - its largest value). */
export interface ExponentialSums {
  /** Sum of e. */
  readonly sum: number;
  /** Sum of e * (row - other). */
  readonly weightedDifference: number;
}

/** Sums over a pair; squares and products of distances from the mean. */
export interface PairSums {
  readonly goldenSquares: number;
  readonly actualSquares: number;
  readonly products: number;
  /** Squares of actual's distance less golden's. */
  readonly differenceSquares: number;
  readonly absoluteErrors: number;
  readonly previousGoldenProducts: number;
  readonly firstGoldenProducts: number;
  readonly previousActualProducts: number;
  readonly golden: ExponentialSums;
  readonly actual: ExponentialSums;
  /** Of |actual - golden|, and the first entry that has it. */
  readonly maxAbs: number;
  readonly maxAbsIndex: number;
}

/** Passes over whole rows: plain ones and the kernels give the same bits. */
export interface RowPasses {
  /** @param row - [n] float32, any values. @param into - overwritten. */
  scan(row: Float32Array, into: ScanArrays): RowSums;
  measure(rows: PairRows, shifts: PairShifts): PairSums;
}

export const PLAIN_PASSES: RowPasses = {
  scan(row, into) {
    const sums = new Float64Array(ROW_FIELDS);
    addToScan(row, 0, sums, into);
    return readRowSums(sums, into);
  },
  measure(rows, shifts) {
    const sums = new Float64Array(PAIR_FIELDS);
    clearPairSums(sums);
    addToPair(rows, 0, shifts, sums);
    return readPairSums(sums);
  },
};

/** Scans a row from the strip that begins at `from` to its end. */
export function addToScan(
  row: Float32Array,
  from: number,
  sums: Float64Array,
  { stripMin, stripMax }: ScanArrays,
): void {
  for (let start = from; start < row.length; start += STRIP_SIZE) {
    let min = Number.POSITIVE_INFINITY;
    let max = Number.NEGATIVE_INFINITY;
    for (let i = start; i < Math.min(start + STRIP_SIZE, row.length); i++) {
      const value = row[i]!;
      sums[ROW_SUM + (i % LANES)]! += value;
      if (value === 0) sums[ZEROS]!++;
      if (value < min) min = value;
      if (value > max) max = value;
      addToTop(value, i, sums);
    }
    // Adding 0 makes one of -0: which of them came first is no matter.
    stripMin[start / STRIP_SIZE] = min + 0;
    stripMax[start / STRIP_SIZE] = max + 0;
  }
}

/** Puts a value behind those of the list that are as large; the last one of a full list goes. */
function addToTop(value: number, id: number, sums: Float64Array): void {
  const filled = sums[TOP_FILLED]!;
  if (filled === TOP_COUNT && !(value > sums[TOP_VALUES + TOP_COUNT - 1]!)) return;
  let place = Math.min(filled, TOP_COUNT - 1);
  for (; place > 0 && sums[TOP_VALUES + place - 1]! < value; place--) {
    sums[TOP_VALUES + place] = sums[TOP_VALUES + place - 1]!;
    sums[TOP_IDS + place] = sums[TOP_IDS + place - 1]!;
  }
  sums[TOP_VALUES + place] = value;
  sums[TOP_IDS + place] = id;
  sums[TOP_FILLED] = Math.min(filled + 1, TOP_COUNT);
}

/** Adds a pair from entry `from` to its end. */
export function addToPair(rows: PairRows, from: number, shifts: PairShifts, sums: Float64Array): void {
  const { golden, actual } = rows;
  addMoments(rows, from, shifts, sums);
  addControls(rows, from, shifts, sums);
  addExponentials(golden, actual, from, shifts.goldenMax, sums, GOLDEN_EXPONENTIALS);
  addExponentials(actual, golden, from, shifts.actualMax, sums, ACTUAL_EXPONENTIALS);
}

function addMoments({ golden, actual }: PairRows, from: number, shifts: PairShifts, sums: Float64Array): void {
  for (let i = from; i < golden.length; i++) {
    const lane = i % LANES;
    const x = golden[i]! - shifts.goldenMean;
    const y = actual[i]! - shifts.actualMean;
    const difference = y - x;
    const error = Math.abs(actual[i]! - golden[i]!);
    sums[GOLDEN_SQUARES + lane]! += x * x;
    sums[ACTUAL_SQUARES + lane]! += y * y;
    sums[PRODUCTS + lane]! += x * y;
    sums[DIFFERENCE_SQUARES + lane]! += difference * difference;
    sums[ABSOLUTE_ERRORS + lane]! += error;
    if (error > sums[LARGEST_ERROR]!) {
      sums[LARGEST_ERROR] = error;
      sums[LARGEST_ERROR_AT] = i;
    }
  }
}

function addControls(rows: PairRows, from: number, shifts: PairShifts, sums: Float64Array): void {
  const { golden, actual, previousGolden, firstGolden, previousActual } = rows;
  for (let i = from; i < golden.length; i++) {
    const lane = i % LANES;
    const x = golden[i]! - shifts.goldenMean;
    const y = actual[i]! - shifts.actualMean;
    sums[PREVIOUS_GOLDEN_PRODUCTS + lane]! += y * previousGolden[i]!;
    sums[FIRST_GOLDEN_PRODUCTS + lane]! += y * firstGolden[i]!;
    sums[PREVIOUS_ACTUAL_PRODUCTS + lane]! += x * previousActual[i]!;
  }
}

/** @param at - lanes of the plain sum, then those of the weighted one. */
function addExponentials(
  row: Float32Array,
  other: Float32Array,
  from: number,
  shift: number,
  sums: Float64Array,
  at: number,
): void {
  for (let i = from; i < row.length; i++) {
    const lane = i % LANES;
    const value = expOfNonPositive(row[i]! - shift);
    sums[at + lane]! += value;
    sums[at + LANES + lane]! += value * (row[i]! - other[i]!);
  }
}

/**
 * The exponentials of one side alone.
 *
 * @param row - [n] float32, finite. @param other - [n], same: of the other side. @param max - largest value of the row.
 */
export function sumExponentials(row: Float32Array, other: Float32Array, max: number): ExponentialSums {
  const sums = new Float64Array(2 * LANES);
  addExponentials(row, other, 0, max, sums, 0);
  return readExponentials(sums, 0);
}

/** Before the first entry: no error is as small as the largest one yet. */
export function clearPairSums(sums: Float64Array): void {
  sums.fill(0);
  sums[LARGEST_ERROR] = -1;
}

export function readRowSums(sums: Float64Array, { topIds }: ScanArrays): RowSums {
  for (let place = 0; place < topIds.length; place++) topIds[place] = sums[TOP_IDS + place]!;
  return { sum: joinLanes(sums, ROW_SUM), zeros: sums[ZEROS]! };
}

export function readPairSums(sums: Float64Array): PairSums {
  return {
    goldenSquares: joinLanes(sums, GOLDEN_SQUARES),
    actualSquares: joinLanes(sums, ACTUAL_SQUARES),
    products: joinLanes(sums, PRODUCTS),
    differenceSquares: joinLanes(sums, DIFFERENCE_SQUARES),
    absoluteErrors: joinLanes(sums, ABSOLUTE_ERRORS),
    previousGoldenProducts: joinLanes(sums, PREVIOUS_GOLDEN_PRODUCTS),
    firstGoldenProducts: joinLanes(sums, FIRST_GOLDEN_PRODUCTS),
    previousActualProducts: joinLanes(sums, PREVIOUS_ACTUAL_PRODUCTS),
    golden: readExponentials(sums, GOLDEN_EXPONENTIALS),
    actual: readExponentials(sums, ACTUAL_EXPONENTIALS),
    maxAbs: sums[LARGEST_ERROR]!,
    maxAbsIndex: sums[LARGEST_ERROR_AT]!,
  };
}

function readExponentials(sums: Float64Array, at: number): ExponentialSums {
  return { sum: joinLanes(sums, at), weightedDifference: joinLanes(sums, at + LANES) };
}

function joinLanes(sums: Float64Array, at: number): number {
  return sums[at]! + sums[at + 1]! + (sums[at + 2]! + sums[at + 3]!);
}
