// Rows of a matrix as the operations of the graph hand them on: a matrix of their own, or columns of a wider one.

/** Columns of a matrix [R, stride]: row r at `start + r * stride`, `width` values. */
export interface Columns {
  readonly values: Float32Array;
  readonly start: number;
  readonly stride: number;
  readonly width: number;
}

/** [R, width], contiguous or not. */
export type Rows = Float32Array | Columns;

/** The same columns without the first rows. */
export function fromRow(columns: Columns, row: number): Columns {
  return { ...columns, start: columns.start + row * columns.stride };
}

/** The last `count` rows as a new array [count, width]. */
export function copyLastRows(rows: Rows, count: number, width: number): Float32Array {
  if (rows instanceof Float32Array) return rows.slice(rows.length - count * width);
  const { values, start, stride } = rows;
  const total = Math.ceil((values.length - start) / stride);
  const copy = new Float32Array(count * width);
  for (let row = 0; row < count; row++) {
    const from = start + (total - count + row) * stride;
    copy.set(values.subarray(from, from + width), row * width);
  }
  return copy;
}
