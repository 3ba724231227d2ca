// Best tokens of a logits row, and ranks of given tokens in it; strips whose largest value is too small are skipped.
import { countStrips, type RowScan, STRIP_SIZE } from './row-scan.ts';

/**
 * Ids of the k largest values, largest first; equal values rank by lower id.
 *
 * @param row - [n] float32, no NaN.
 * @param scan - of this row.
 * @param k - how many; fewer come back if the row is shorter.
 */
export function findTopIds(row: Float32Array, scan: RowScan, k: number): Int32Array {
  const ids = new Int32Array(Math.min(k, row.length));
  const values = new Float64Array(ids.length);
  const strips = countStrips(row.length);
  const floor = lowerBoundOfTop(scan.stripMax, strips, values);
  values.fill(Number.NEGATIVE_INFINITY);
  let filled = 0;
  for (let strip = 0; strip < strips; strip++) {
    if (scan.stripMax[strip]! < floor) continue;
    const end = Math.min((strip + 1) * STRIP_SIZE, row.length);
    for (let id = strip * STRIP_SIZE; id < end; id++) {
      const value = row[id]!;
      if (value < floor || (filled === ids.length && value <= values[filled - 1]!)) continue;
      const place = insert(values, value, filled);
      if (filled < ids.length) filled++;
      ids.copyWithin(place + 1, place, filled - 1);
      ids[place] = id;
    }
  }
  return ids;
}

/**
 * The k-th largest strip maximum: k values of the row are at least as large, so none below it is among the k best.
 *
 * @param values - [k], overwritten.
 */
function lowerBoundOfTop(stripMax: Float64Array, strips: number, values: Float64Array): number {
  const k = values.length;
  if (strips < k) return Number.NEGATIVE_INFINITY;
  for (let strip = 0; strip < strips; strip++) {
    const value = stripMax[strip]!;
    if (strip < k || value > values[k - 1]!) insert(values, value, Math.min(strip, k));
  }
  return values[k - 1]!;
}

/**
 * Puts a value behind those of a falling list that are as large; of a full one the last goes.
 *
 * @param filled - how many values the list has.
 * @returns its place.
 */
function insert(values: Float64Array, value: number, filled: number): number {
  let place = filled === values.length ? filled - 1 : filled;
  for (; place > 0 && values[place - 1]! < value; place--) values[place] = values[place - 1]!;
  values[place] = value;
  return place;
}

/**
 * 1-based ranks of the given ids in a row: one more than the number of values that are larger, or equal with a lower id.
 *
 * @param row - [n] float32, no NaN.
 * @param scan - of this row.
 * @param ids - the tokens in question.
 */
export function findRanks(row: Float32Array, scan: RowScan, ids: Int32Array): Int32Array {
  const ranks = new Int32Array(ids.length).fill(1);
  const values = new Float64Array(ids.length);
  let lowest = Number.POSITIVE_INFINITY;
  for (let j = 0; j < ids.length; j++) {
    values[j] = row[ids[j]!]!;
    lowest = Math.min(lowest, values[j]!);
  }
  const strips = countStrips(row.length);
  for (let strip = 0; strip < strips; strip++) {
    if (scan.stripMax[strip]! < lowest) continue;
    const end = Math.min((strip + 1) * STRIP_SIZE, row.length);
    for (let id = strip * STRIP_SIZE; id < end; id++) {
      const value = row[id]!;
      if (value < lowest) continue;
      for (let j = 0; j < ids.length; j++) {
        if (value > values[j]! || (value === values[j] && id < ids[j]!)) ranks[j]!++;
      }
    }
  }
  return ranks;
}

/** How many of the first `count` ids of both lists are common. */
export function countOverlap(golden: Int32Array, actual: Int32Array, count: number): number {
  let common = 0;
  for (let i = 0; i < count && i < golden.length; i++) {
    const place = actual.indexOf(golden[i]!);
    if (place >= 0 && place < count) common++;
  }
  return common;
}
