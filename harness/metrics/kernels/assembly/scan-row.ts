// A window of one row: sum and zeros, best tokens, least and largest values of each strip; twin of addToScan in row-passes.ts.
import {
  ROW_SUM, ROW_SUMS_START, STRIP_MAX_START, STRIP_MIN_START, STRIP_SIZE, WINDOWS_START, ZEROS,
} from '../layout';
import { fieldAt, pairAt, storeLanes } from './lanes';
import { addToTop, isListed } from './top-list';

// @ts-ignore: decorator
@inline
function leastOf(values: v128): f32 {
  const pairs = f32x4.pmin(values, v128.shuffle<i32>(values, values, 2, 3, 2, 3));
  return f32x4.extract_lane(f32x4.pmin(pairs, v128.shuffle<i32>(pairs, pairs, 1, 1, 1, 1)), 0);
}

// @ts-ignore: decorator
@inline
function largestOf(values: v128): f32 {
  const pairs = f32x4.pmax(values, v128.shuffle<i32>(values, values, 2, 3, 2, 3));
  return f32x4.extract_lane(f32x4.pmax(pairs, v128.shuffle<i32>(pairs, pairs, 1, 1, 1, 1)), 0);
}

/** Adds a window. @param first - entry of the row with which it begins. @param strips - that it has. */
export function scanRow(first: i32, strips: i32): void {
  const sum = fieldAt(ROW_SUMS_START, ROW_SUM);
  let sum01 = v128.load(sum);
  let sum23 = v128.load(sum, 16);
  let zeros = i32x4.splat(0);
  let at: usize = WINDOWS_START;
  for (let strip = 0; strip < strips; strip++) {
    const from = at;
    let least = f32x4.splat(Infinity);
    let largest = f32x4.splat(-Infinity);
    for (const end = at + (STRIP_SIZE << 2); at < end; at += 16) {
      const values = v128.load(at);
      sum01 = f64x2.add(sum01, pairAt(at));
      sum23 = f64x2.add(sum23, pairAt(at + 8));
      // The first unless the second is beyond it: a NaN never is.
      least = f32x4.pmin(least, values);
      largest = f32x4.pmax(largest, values);
      zeros = i32x4.sub(zeros, f32x4.eq(values, f32x4.splat(0)));
    }
    // Adding 0 makes one of -0: which of them came first is no matter.
    const most = largestOf(largest) + 0;
    store<f32>(STRIP_MIN_START + (strip << 2), leastOf(least) + 0);
    store<f32>(STRIP_MAX_START + (strip << 2), most);
    if (isListed(most)) addToTop(from, at, first + strip * STRIP_SIZE);
  }
  storeLanes(sum, sum01, sum23);
  const count = i32x4.extract_lane(zeros, 0) + i32x4.extract_lane(zeros, 1)
    + i32x4.extract_lane(zeros, 2) + i32x4.extract_lane(zeros, 3);
  const total = fieldAt(ROW_SUMS_START, ZEROS);
  store<f64>(total, load<f64>(total) + <f64>count);
}
