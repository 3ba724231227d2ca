// One K tile of tiers fast and fp32: dst += in0 @ strip, sums over 32 k in order, one rounding a tile.
// Exactness: the order of additions of matmul-fast.ts; multiply, then add.
import { PANEL_COLUMNS } from '../job-layout';
import { roundToBf16TiesEven } from './bf16';

const ROW_BYTES: usize = PANEL_COLUMNS << 2;
const IN0_ROW_BYTES: usize = 32 << 2;

// @ts-ignore: decorator
@inline
export function addToDst(dst: usize, sum: v128, isDst32: bool): void {
  const total = f32x4.add(v128.load(dst), sum);
  v128.store(dst, isDst32 ? total : roundToBf16TiesEven(total));
}

/**
 * Two rows by 16 columns: eight sums. Larger register tiles are slower: V8 keeps about thirteen vectors in registers
 * (six rows by eight columns: 8.3 G multiplications a second on one core, against 12.6 G).
 *
 * @param stripRow - bytes from one row of the strip to the next; likewise dstRow.
 */
// @ts-ignore: decorator
@inline
export function twoRows(in0: usize, strip: usize, stripRow: usize, dst: usize, dstRow: usize, isDst32: bool): void {
  let s00 = f32x4.splat(0), s01 = f32x4.splat(0), s02 = f32x4.splat(0), s03 = f32x4.splat(0);
  let s10 = f32x4.splat(0), s11 = f32x4.splat(0), s12 = f32x4.splat(0), s13 = f32x4.splat(0);
  const end = in0 + IN0_ROW_BYTES;
  for (let a = in0, w = strip; a < end; a += 4, w += stripRow) {
    const w0 = v128.load(w);
    const w1 = v128.load(w, 16);
    const w2 = v128.load(w, 32);
    const w3 = v128.load(w, 48);
    let x = v128.load32_splat(a);
    s00 = f32x4.add(s00, f32x4.mul(x, w0));
    s01 = f32x4.add(s01, f32x4.mul(x, w1));
    s02 = f32x4.add(s02, f32x4.mul(x, w2));
    s03 = f32x4.add(s03, f32x4.mul(x, w3));
    x = v128.load32_splat(a, 128);
    s10 = f32x4.add(s10, f32x4.mul(x, w0));
    s11 = f32x4.add(s11, f32x4.mul(x, w1));
    s12 = f32x4.add(s12, f32x4.mul(x, w2));
    s13 = f32x4.add(s13, f32x4.mul(x, w3));
  }
  addToDst(dst, s00, isDst32);
  addToDst(dst + 16, s01, isDst32);
  addToDst(dst + 32, s02, isDst32);
  addToDst(dst + 48, s03, isDst32);
  addToDst(dst + dstRow, s10, isDst32);
  addToDst(dst + dstRow + 16, s11, isDst32);
  addToDst(dst + dstRow + 32, s12, isDst32);
  addToDst(dst + dstRow + 48, s13, isDst32);
}

/** One row by 32 columns: eight sums in registers; of the strip, only `depth` rows are read. */
// @ts-ignore: decorator
@inline
export function oneRow(in0: usize, depth: usize, strip: usize, stripRow: usize, dst: usize, isDst32: bool): void {
  let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0);
  let s4 = f32x4.splat(0), s5 = f32x4.splat(0), s6 = f32x4.splat(0), s7 = f32x4.splat(0);
  const end = in0 + (depth << 2);
  for (let a = in0, w = strip; a < end; a += 4, w += stripRow) {
    const x = v128.load32_splat(a);
    s0 = f32x4.add(s0, f32x4.mul(x, v128.load(w)));
    s1 = f32x4.add(s1, f32x4.mul(x, v128.load(w, 16)));
    s2 = f32x4.add(s2, f32x4.mul(x, v128.load(w, 32)));
    s3 = f32x4.add(s3, f32x4.mul(x, v128.load(w, 48)));
    s4 = f32x4.add(s4, f32x4.mul(x, v128.load(w, 64)));
    s5 = f32x4.add(s5, f32x4.mul(x, v128.load(w, 80)));
    s6 = f32x4.add(s6, f32x4.mul(x, v128.load(w, 96)));
    s7 = f32x4.add(s7, f32x4.mul(x, v128.load(w, 112)));
  }
  addToDst(dst, s0, isDst32);
  addToDst(dst + 16, s1, isDst32);
  addToDst(dst + 32, s2, isDst32);
  addToDst(dst + 48, s3, isDst32);
  addToDst(dst + 64, s4, isDst32);
  addToDst(dst + 80, s5, isDst32);
  addToDst(dst + 96, s6, isDst32);
  addToDst(dst + 112, s7, isDst32);
}

/**
 * @param in0 - [rows, 32] float32.
 * @param strip - [32, 64] float32.
 * @param dst - [rows, 64] float32, updated in place.
 * @param columns - 32 or 64.
 */
export function floatStep(in0: usize, strip: usize, dst: usize, rows: i32, columns: i32, isDst32: bool): void {
  const columnBytes = <usize>columns << 2;
  let row = 0;
  for (; row + 2 <= rows; row += 2) {
    const in0Row = in0 + <usize>row * IN0_ROW_BYTES;
    const dstRow = dst + <usize>row * ROW_BYTES;
    for (let column: usize = 0; column < columnBytes; column += 64) {
      twoRows(in0Row, strip + column, ROW_BYTES, dstRow + column, ROW_BYTES, isDst32);
    }
  }
  for (; row < rows; row++) {
    const in0Row = in0 + <usize>row * IN0_ROW_BYTES;
    const dstRow = dst + <usize>row * ROW_BYTES;
    for (let column: usize = 0; column < columnBytes; column += 128) {
      oneRow(in0Row, 32, strip + column, ROW_BYTES, dstRow + column, isDst32);
    }
  }
}
