// Best tokens of a logits row, and ranks of given tokens in it; blocks whose largest value is too small are skipped.
import { BLOCK_SIZE, blockEnd, countBlocks, type RowScan } from './row-scan.ts';

/**
 * Ids of the k largest values, largest first; equal values rank by lower id.
 *
 * @param row - [n] float32, no NaN.
 * @param scan - of this row.
 * @param k - how many; fewer come back if the row is shorter.
 */
export function findTopIds(row: Float32Array, scan: RowScan, k: number): Int32Array {
  const ids = new Int32Array(Math.min(k, row.length));
  const values = new Float64Array(ids.length).fill(Number.NEGATIVE_INFINITY);
  const blocks = countBlocks(row.length);
  const floor = lowerBoundOfTop(scan.blockMax.subarray(0, blocks), ids.length);
  let filled = 0;
  for (let block = 0; block < blocks; block++) {
    if (scan.blockMax[block]! < floor) continue;
    const end = blockEnd(block, row.length);
    for (let id = block * BLOCK_SIZE; id < end; id++) {
      const value = row[id]!;
      if (value < floor || (filled === ids.length && value <= values[filled - 1]!)) continue;
      let place = filled === ids.length ? filled - 1 : filled++;
      for (; place > 0 && values[place - 1]! < value; place--) {
        values[place] = values[place - 1]!;
        ids[place] = ids[place - 1]!;
      }
      values[place] = value;
      ids[place] = id;
    }
  }
  return ids;
}

/** The k-th largest block maximum: k values of the row are at least as large, so none below it is among the k best. */
function lowerBoundOfTop(blockMax: Float64Array, k: number): number {
  return blockMax.length < k ? Number.NEGATIVE_INFINITY : blockMax.toSorted()[blockMax.length - k]!;
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
  const values = Float64Array.from(ids, (id) => row[id]!);
  const lowest = values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const blocks = countBlocks(row.length);
  for (let block = 0; block < blocks; block++) {
    if (scan.blockMax[block]! < lowest) continue;
    const end = blockEnd(block, row.length);
    for (let id = block * BLOCK_SIZE; id < end; id++) {
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
  const best = actual.subarray(0, count);
  return golden.subarray(0, count).filter((id) => best.includes(id)).length;
}
