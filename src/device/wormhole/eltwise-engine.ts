// The contract of element-wise work on whole rows: ELWADD and ELWMUL onto an empty 16-bit Dst; kernels and twin give the same bits.

export interface EltwiseEngine {
  /** @param target - [rows, N] BF16 values, each row added to in place. @param term - [N], the same for all rows. */
  addRows(target: Float32Array, term: Float32Array): void;
  /** @param target - [n] BF16 values in SrcA, in place. @param factor - [n] in SrcB. @param phases - of the math fidelity. */
  multiplyRows(target: Float32Array, factor: Float32Array, phases: number): void;
}
