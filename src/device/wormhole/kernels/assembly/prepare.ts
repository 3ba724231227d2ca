// Activations from row-major [rows, K] to K tiles [tilesK, rows, 32], padded with zeros and cut to a mask.

/**
 * @param source - [rows, k] float32.
 * @param target - [tilesK, rows, 32] float32.
 * @param mask - kept bits of each value.
 */
export function tileActivations(source: usize, target: usize, rows: i32, k: i32, mask: i32): void {
  const tilesK = (k + 31) >> 5;
  const keep = i32x4.splat(mask);
  for (let row: usize = 0; row < <usize>rows; row++) {
    for (let tileK: usize = 0; tileK < <usize>tilesK; tileK++) {
      const from = source + ((row * <usize>k + (tileK << 5)) << 2);
      const to = target + ((tileK * <usize>rows + row) << 7);
      const count = min(32, k - (<i32>tileK << 5));
      let i = 0;
      for (; i + 4 <= count; i += 4) {
        v128.store(to + (<usize>i << 2), v128.and(keep, v128.load(from + (<usize>i << 2))));
      }
      for (; i < count; i++) store<i32>(to + (<usize>i << 2), load<i32>(from + (<usize>i << 2)) & mask);
      for (; i < 32; i++) store<i32>(to + (<usize>i << 2), 0);
    }
  }
}
