// The products and sums of attention in tier exact: a 16-bit Dst, by vectors where exponents allow it.
// Twin of the exact products in ops/row-products.ts and of the row sums in ops/attention-decode.ts.
import { PANEL_COLUMNS } from '../job-layout';
import { splitActivations, splitWeights } from './exact-operands';
import { exactScalarRow } from './exact-scalar';
import { exactRow, isDstSafe, isSafe } from './exact-step';

const ROW_BYTES: usize = 32 << 2;
const STRIP_ROW_BYTES: usize = PANEL_COLUMNS << 2;
const STRIP_BYTES: usize = 32 * STRIP_ROW_BYTES;

/** Work area: a strip of 64 columns as it is, its parts and exponents, then the parts of each row's activations. */
const HIGH_START: usize = STRIP_BYTES;
const LOW_START: usize = 2 * STRIP_BYTES;
const EXPONENTS_START: usize = 3 * STRIP_BYTES;
const ROWS_START: usize = EXPONENTS_START + STRIP_BYTES / 2;

/**
 * out += in0 @ strip.
 *
 * @param in0 - [rows, 32] float32.
 * @param strip - [32, columns] float32, rows `stripRow` bytes apart. @param columns - a multiple of 32.
 * @param out - [rows, columns] float32, rows `outRow` bytes apart.
 * @param work - bytes as ATTENTION_EXACT_BYTES and ATTENTION_EXACT_ROW_BYTES say.
 */
export function exactRows(
  in0: usize, rows: usize, strip: usize, stripRow: usize, columns: usize, out: usize, outRow: usize, phases: i32,
  work: usize,
): void {
  const high = work + ROWS_START;
  const low = high + rows * ROW_BYTES;
  const exponents = low + rows * ROW_BYTES;
  const ranges = exponents + rows * ROW_BYTES / 2;
  splitActivations(in0, high, low, exponents, ranges, <i32>rows);
  for (let column: usize = 0; column < columns; column += PANEL_COLUMNS) {
    const width = min<usize>(PANEL_COLUMNS, columns - column);
    for (let i: usize = 0; i < 32; i++) {
      memory.copy(work + i * STRIP_ROW_BYTES, strip + i * stripRow + (column << 2), width << 2);
    }
    const range = splitWeights(work, work + HIGH_START, work + LOW_START, work + EXPONENTS_START, <i32>width);
    for (let row: usize = 0; row < rows; row++) {
      const dst = out + row * outRow + (column << 2);
      if (isSafe(range, load<i32>(ranges + (row << 2)), phases) && isDstSafe(dst, <i32>width)) {
        exactRow(
          high + row * ROW_BYTES, low + row * ROW_BYTES, exponents + row * (ROW_BYTES / 2),
          work + HIGH_START, work + LOW_START, work + EXPONENTS_START, dst, <i32>width, phases, false,
        );
      } else {
        exactScalarRow(in0 + row * ROW_BYTES, work, dst, <i32>width, phases, false);
      }
    }
  }
}

/** Spreads 32 float32 over the first column of the work area's strip. */
function fillColumn(values: usize, from: usize, to: usize, work: usize): void {
  for (let i: usize = 0; i < 32; i++) {
    const value: f32 = i < from || i >= to ? 0 : values == 0 ? 1 : load<f32>(values + (i << 2));
    store<f32>(work + i * STRIP_ROW_BYTES, value);
  }
}

/** Dst plus the sum of 32 float32: a matmul by ones, the row in SrcB. */
export function exactSumByMatmul(row: usize, dst: f32, phases: i32, work: usize): f32 {
  const cell = work + HIGH_START;
  store<f32>(cell, dst);
  fillColumn(0, 0, 32, work);
  exactScalarRow(row, work, cell, 1, phases, false);
  return load<f32>(cell);
}

/** Dst plus the sum of 32 float32: a reduce face after face, the row in SrcA, ones in SrcB. */
export function exactSumByReduce(row: usize, dst: f32, phases: i32, work: usize): f32 {
  const cell = work + HIGH_START;
  const ones = cell + 16;
  store<f32>(cell, dst);
  for (let i: usize = 0; i < 32; i++) store<f32>(ones + (i << 2), 1);
  for (let face: usize = 0; face < 32; face += 16) {
    // The other face's zeros leave Dst as it is.
    fillColumn(row, face, face + 16, work);
    exactScalarRow(ones, work, cell, 1, phases, false);
  }
  return load<f32>(cell);
}
