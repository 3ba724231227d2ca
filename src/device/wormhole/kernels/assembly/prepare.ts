// Activations from row-major [rows, K] to K tiles [tilesK, rows, 32], padded with zeros and cut to a mask.
import { lessOne, rangeOfMagnitudes } from './exponent-range';

/**
 * @param source - [rows, k] float32.
 * @param target - [tilesK, rows, 32] float32.
 * @param mask - kept bits of each value.
 * @returns range of the exponent fields of what is not zero.
 */
export function tileActivations(source: usize, target: usize, rows: i32, k: i32, mask: i32): i32 {
  const tilesK = (k + 31) >> 5;
  const keep = i32x4.splat(mask);
  let smallest = i32x4.splat(-1);
  let largest = i32x4.splat(-1);
  for (let row: usize = 0; row < <usize>rows; row++) {
    for (let tileK: usize = 0; tileK < <usize>tilesK; tileK++) {
      const from = source + ((row * <usize>k + (tileK << 5)) << 2);
      const to = target + ((tileK * <usize>rows + row) << 7);
      const count = min(32, k - (<i32>tileK << 5));
      let i = 0;
      for (; i + 4 <= count; i += 4) {
        const kept = v128.and(keep, v128.load(from + (<usize>i << 2)));
        v128.store(to + (<usize>i << 2), kept);
        smallest = i32x4.min_u(smallest, lessOne(kept));
        largest = i32x4.max_s(largest, lessOne(kept));
      }
      for (; i < count; i++) {
        const kept = load<i32>(from + (<usize>i << 2)) & mask;
        store<i32>(to + (<usize>i << 2), kept);
        smallest = i32x4.min_u(smallest, lessOne(i32x4.splat(kept)));
        largest = i32x4.max_s(largest, lessOne(i32x4.splat(kept)));
      }
      for (; i < 32; i++) store<i32>(to + (<usize>i << 2), 0);
    }
  }
  return rangeOfMagnitudes(smallest, largest);
}
