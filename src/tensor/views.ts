// ndarray views over flat float32 data: how the public interface hands out matrices without copying them.
import ndarray from 'ndarray';
import { ShapeError } from '../errors.ts';

/** A [rows, columns] view; `get(row, column)`, `pick(row, null)` and slicing as in the ndarray package. */
export type MatrixView = ndarray.NdArray<Float32Array>;

/**
 * Views row-major data as a matrix; writes go through to `data`.
 *
 * @param data - [rows * columns] float32.
 * @throws ShapeError if the length is another one.
 */
export function matrixView(data: Float32Array, rows: number, columns: number): MatrixView {
  if (data.length !== rows * columns) {
    throw new ShapeError('a matrix view needs exactly rows x columns elements.', {
      code: 'VIEW_LENGTH',
      facts: { found: data.length, wanted: `${rows} x ${columns} = ${rows * columns}` },
    });
  }
  return ndarray(data, [rows, columns]);
}

/** One row of a matrix view as a [columns] float32 array: shared memory if the row is contiguous, else a copy. */
export function rowOf(matrix: MatrixView, row: number): Float32Array {
  const [rows = 0, columns = 0] = matrix.shape;
  if (!Number.isInteger(row) || row < 0 || row >= rows) {
    throw new ShapeError('the matrix has no such row.', { code: 'VIEW_ROW', facts: { row, rows } });
  }
  const start = matrix.index(row, 0);
  if (matrix.stride[1] === 1) return matrix.data.subarray(start, start + columns);
  return Float32Array.from({ length: columns }, (_, column) => matrix.get(row, column));
}
