// Ranks of tokens in a logits row, and what the best ones of two rows have in common; strips whose largest value is too small are skipped.
import { STRIP_SIZE } from './kernels/layout.ts';
import { countStrips, type RowScan } from './row-scan.ts';

/** Places of ids in another list, 0-based; -1 where one is not in it. */
export function findPlaces(ids: Int32Array, list: Int32Array): Int32Array {
  const places = new Int32Array(ids.length).fill(-1);
  for (let j = 0; j < ids.length; j++) {
    for (let place = 0; place < list.length; place++) if (list[place] === ids[j]) places[j] = place;
  }
  return places;
}

/**
 * 1-based ranks of the given ids in a row: one more than the number of values that are larger, or equal with a lower id.
 *
 * @param row - [n] float32, no NaN.
 * @param scan - of this row.
 * @param ids - the tokens in question.
 * @param places - of these ids among the row's best, as `findPlaces`: such a place is a rank.
 */
export function findRanks(row: Float32Array, scan: RowScan, ids: Int32Array, places: Int32Array): Int32Array {
  const ranks = places.map((place) => place + 1);
  const unknown: number[] = [];
  let lowest = Number.POSITIVE_INFINITY;
  for (let j = 0; j < ids.length; j++) {
    if (places[j]! >= 0) continue;
    unknown.push(j);
    ranks[j] = 1;
    lowest = Math.min(lowest, row[ids[j]!]!);
  }
  if (unknown.length === 0) return ranks;
  const strips = countStrips(row.length);
  for (let strip = 0; strip < strips; strip++) {
    if (scan.stripMax[strip]! < lowest) continue;
    const end = Math.min((strip + 1) * STRIP_SIZE, row.length);
    for (let id = strip * STRIP_SIZE; id < end; id++) {
      const value = row[id]!;
      if (value < lowest) continue;
      for (const j of unknown) {
        const own = row[ids[j]!]!;
        if (value > own || (value === own && id < ids[j]!)) ranks[j]!++;
      }
    }
  }
  return ranks;
}

/** How many of the first `count` ids of a list are among the first `count` of another, by their places in it. */
export function countOverlap(places: Int32Array, count: number): number {
  let common = 0;
  for (let i = 0; i < count && i < places.length; i++) if (places[i]! >= 0 && places[i]! < count) common++;
  return common;
}
