// The shape of every RMSNorm: one row in, one row out.

/** One row [H] in from `rowStart`, one row [H] out; `gamma` [H] BF16. */
export type RmsNorm = (row: Float32Array, rowStart: number, gamma: Float32Array, out: Float32Array) => void;
