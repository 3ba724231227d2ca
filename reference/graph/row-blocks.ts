// Rows that are multiplied by weights that are not packed come in blocks of sixteen, each the columns of one product; so no row's bits depend on their number.
// Source: ONNX Runtime 1.30, mlas/lib/sgemm.cpp (`MlasSgemmOperation`): sixteen columns are one panel, zeros beside those that are wanted; a column is a
// lane of it. K is cut by the number of columns, into blocks that are summed one after the other: with sixteen columns everywhere it is cut alike.
import type { GraphBuilder, Value } from './graph-builder.ts';
import { Tensor } from './onnx-runtime.ts';

/** Fewer rows take as long as sixteen, whatever computes them: the lanes are there. */
export const ROWS_PER_BLOCK = 16;

/** x [P, K] -> [B, 16, K]: rows beyond P are 0. */
export function inBlocks(x: Tensor): Tensor {
  const [rows = 0, width = 0] = x.dims;
  const values = x.data as Float32Array;
  const blocks = Math.ceil(rows / ROWS_PER_BLOCK);
  const dims = [blocks, ROWS_PER_BLOCK, width];
  if (rows === blocks * ROWS_PER_BLOCK) return new Tensor('float32', values, dims);
  const padded = new Float32Array(blocks * ROWS_PER_BLOCK * width);
  padded.set(values);
  return new Tensor('float32', padded, dims);
}

/** x [B, 16, K] -> [B, K, 16], what `linearOfBlocks` multiplies. */
export function columnsOf(builder: GraphBuilder, x: Value): Value {
  return builder.node('Transpose', [x], { perm: [0, 2, 1] });
}

/**
 * columns [B, K, 16], weight [N, K] in slices of its rows, bias [N] -> [B, 16, N].
 *
 * The weight is the left factor: its rows are read as they lie, where as the right one they would be transposed and packed for each call, which
 * takes longer than multiplying them by few rows.
 */
export function linearOfBlocks(
  builder: GraphBuilder,
  columns: Value,
  weight: readonly Value[],
  bias: Value | undefined,
): Value {
  const products = weight.map((slice) => builder.node('MatMul', [slice, columns]));
  const joined = products.length === 1 ? products[0]! : builder.node('Concat', products, { axis: 1 });
  const rows = builder.node('Transpose', [joined], { perm: [0, 2, 1] });
  return bias === undefined ? rows : builder.node('Add', [rows, bias]);
}
