// One K tile of tiers fast and fp32: target += in0 @ strip, sums over 32 k in order, one rounding a tile.
// Exactness: the order of additions of matmul-fast.ts; multiply, then add, fused where that changes nothing.
import { PANEL_COLUMNS } from '../job-layout';
import { roundToBf16TiesEven } from './bf16';
import { multiplyAdd } from './multiply-add';

const ROW_BYTES: usize = PANEL_COLUMNS << 2;
const IN0_ROW_BYTES: usize = 32 << 2;

/** What a sum goes to: a Dst of 16 or of 32 bits, or through a 16-bit Dst that was zero to bfloat16 sums in L1. */
export const TO_DST_16: i32 = 0;
export const TO_DST_32: i32 = 1;
export const TO_L1: i32 = 2;

// @ts-ignore: decorator
@inline
export function addTo(target: usize, sum: v128, kind: i32): void {
  // A sum that began with +0 is never -0, so that a zero Dst adds nothing to it.
  const term = kind == TO_L1 ? roundToBf16TiesEven(sum) : sum;
  const total = f32x4.add(v128.load(target), term);
  v128.store(target, kind == TO_DST_32 ? total : roundToBf16TiesEven(total));
}

/**
 * Two rows by 16 columns: eight sums. Larger register tiles are slower: V8 keeps about thirteen vectors in registers
 * (six rows by eight columns: 8.3 G multiplications a second on one core, against 12.6 G). So is unrolling: V8 then sorts
 * the additions of one sum behind each other.
 *
 * @param stripRow - bytes from one row of the strip to the next; likewise targetRow.
 */
// @ts-ignore: decorator
@inline
export function twoRows(
  in0: usize, strip: usize, stripRow: usize, target: usize, targetRow: usize, kind: i32, isFused: bool,
): void {
  let s00 = f32x4.splat(0), s01 = f32x4.splat(0), s02 = f32x4.splat(0), s03 = f32x4.splat(0);
  let s10 = f32x4.splat(0), s11 = f32x4.splat(0), s12 = f32x4.splat(0), s13 = f32x4.splat(0);
  const end = in0 + IN0_ROW_BYTES;
  for (let a = in0, w = strip; a < end; a += 4, w += stripRow) {
    const w0 = v128.load(w);
    const w1 = v128.load(w, 16);
    const w2 = v128.load(w, 32);
    const w3 = v128.load(w, 48);
    let x = v128.load32_splat(a);
    s00 = multiplyAdd(x, w0, s00, isFused);
    s01 = multiplyAdd(x, w1, s01, isFused);
    s02 = multiplyAdd(x, w2, s02, isFused);
    s03 = multiplyAdd(x, w3, s03, isFused);
    x = v128.load32_splat(a, 128);
    s10 = multiplyAdd(x, w0, s10, isFused);
    s11 = multiplyAdd(x, w1, s11, isFused);
    s12 = multiplyAdd(x, w2, s12, isFused);
    s13 = multiplyAdd(x, w3, s13, isFused);
  }
  addTo(target, s00, kind);
  addTo(target + 16, s01, kind);
  addTo(target + 32, s02, kind);
  addTo(target + 48, s03, kind);
  addTo(target + targetRow, s10, kind);
  addTo(target + targetRow + 16, s11, kind);
  addTo(target + targetRow + 32, s12, kind);
  addTo(target + targetRow + 48, s13, kind);
}

/** One row by 32 columns: eight sums in registers; of the strip, only `depth` rows are read. */
// @ts-ignore: decorator
@inline
export function oneRow(
  in0: usize, depth: usize, strip: usize, stripRow: usize, target: usize, kind: i32, isFused: bool,
): void {
  let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0);
  let s4 = f32x4.splat(0), s5 = f32x4.splat(0), s6 = f32x4.splat(0), s7 = f32x4.splat(0);
  const end = in0 + (depth << 2);
  for (let a = in0, w = strip; a < end; a += 4, w += stripRow) {
    const x = v128.load32_splat(a);
    s0 = multiplyAdd(x, v128.load(w), s0, isFused);
    s1 = multiplyAdd(x, v128.load(w, 16), s1, isFused);
    s2 = multiplyAdd(x, v128.load(w, 32), s2, isFused);
    s3 = multiplyAdd(x, v128.load(w, 48), s3, isFused);
    s4 = multiplyAdd(x, v128.load(w, 64), s4, isFused);
    s5 = multiplyAdd(x, v128.load(w, 80), s5, isFused);
    s6 = multiplyAdd(x, v128.load(w, 96), s6, isFused);
    s7 = multiplyAdd(x, v128.load(w, 112), s7, isFused);
  }
  addTo(target, s0, kind);
  addTo(target + 16, s1, kind);
  addTo(target + 32, s2, kind);
  addTo(target + 48, s3, kind);
  addTo(target + 64, s4, kind);
  addTo(target + 80, s5, kind);
  addTo(target + 96, s6, kind);
  addTo(target + 112, s7, kind);
}

// @ts-ignore: decorator
@inline
function allRows(
  in0: usize, strip: usize, target: usize, rows: i32, columns: i32, kind: i32, isFused: bool,
): void {
  const columnBytes = <usize>columns << 2;
  let row = 0;
  for (; row + 2 <= rows; row += 2) {
    const in0Row = in0 + <usize>row * IN0_ROW_BYTES;
    const targetRow = target + <usize>row * ROW_BYTES;
    for (let column: usize = 0; column < columnBytes; column += 64) {
      twoRows(in0Row, strip + column, ROW_BYTES, targetRow + column, ROW_BYTES, kind, isFused);
    }
  }
  for (; row < rows; row++) {
    const in0Row = in0 + <usize>row * IN0_ROW_BYTES;
    const targetRow = target + <usize>row * ROW_BYTES;
    for (let column: usize = 0; column < columnBytes; column += 128) {
      oneRow(in0Row, 32, strip + column, ROW_BYTES, targetRow + column, kind, isFused);
    }
  }
}

function fusedStep(in0: usize, strip: usize, target: usize, rows: i32, columns: i32, kind: i32): void {
  if (kind == TO_L1) allRows(in0, strip, target, rows, columns, TO_L1, true);
  else if (kind == TO_DST_16) allRows(in0, strip, target, rows, columns, TO_DST_16, true);
  else allRows(in0, strip, target, rows, columns, TO_DST_32, true);
}

function plainStep(in0: usize, strip: usize, target: usize, rows: i32, columns: i32, kind: i32): void {
  if (kind == TO_L1) allRows(in0, strip, target, rows, columns, TO_L1, false);
  else if (kind == TO_DST_16) allRows(in0, strip, target, rows, columns, TO_DST_16, false);
  else allRows(in0, strip, target, rows, columns, TO_DST_32, false);
}

/**
 * @param in0 - [rows, 32] float32.
 * @param strip - [32, 64] float32.
 * @param target - [rows, 64] float32, updated in place. @param kind - what it is.
 * @param columns - 32 or 64.
 * @param isFused - whether every product is exact (areProductsExact).
 */
export function floatStep(
  in0: usize, strip: usize, target: usize, rows: i32, columns: i32, kind: i32, isFused: bool,
): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (isFused) {
      fusedStep(in0, strip, target, rows, columns, kind);
      return;
    }
  }
  plainStep(in0, strip, target, rows, columns, kind);
}
