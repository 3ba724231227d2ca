// ELWADD and ELWMUL over whole rows onto an empty 16-bit Dst, four elements at a time; twin of n150/ops/eltwise.ts.
import { ARITHMETIC_HARDWARE } from '../job-layout';
import { add, multiply } from './attention-eltwise';

/**
 * target += term, row by row.
 *
 * @param target - [rows, width] float32 that holds bfloat16, updated in place. @param width - a multiple of 4.
 * @param term - [width] likewise.
 */
export function addRows(target: usize, term: usize, rows: i32, width: i32): void {
  const rowBytes = <usize>width << 2;
  for (let row = 0; row < rows; row++) {
    for (let i: usize = 0; i < rowBytes; i += 16) {
      v128.store(target + i, add(v128.load(target + i), v128.load(term + i), ARITHMETIC_HARDWARE));
    }
    target += rowBytes;
  }
}

/** target *= factor: [elements] float32 that hold bfloat16, a multiple of 4; target in SrcA, factor in SrcB. */
export function multiplyRows(target: usize, factor: usize, elements: i32, phases: i32): void {
  for (let i: usize = 0; i < <usize>elements << 2; i += 16) {
    v128.store(target + i, multiply(v128.load(target + i), v128.load(factor + i), ARITHMETIC_HARDWARE, phases));
  }
}
