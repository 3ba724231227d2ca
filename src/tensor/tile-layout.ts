// The 32x32 tile of four 16x16 faces: where an element of a matrix lies in a packed stream, and how long that is.
// Source: n150-numerics A.5. Faces: (rows 0-15, columns 0-15), (0-15, 16-31), (16-31, 0-15), (16-31, 16-31), each
// row-major; tiles row-major over the matrix padded to multiples of 32.

export const TILE_SIDE = 32;
export const FACE_SIDE = 16;
export const TILE_ELEMENTS: number = TILE_SIDE * TILE_SIDE;
const FACE_ELEMENTS = FACE_SIDE * FACE_SIDE;

/** Shared exponents at the head of a BFP8_B or BFP4_B tile: one per face row, face order. */
export const TILE_EXPONENT_BYTES = 64;

export const TILE_FORMATS = ['FP32', 'BF16', 'BFP8_B', 'BFP4_B'] as const;
export type TileFormat = (typeof TILE_FORMATS)[number];

export const TILE_BYTES: Readonly<Record<TileFormat, number>> = { FP32: 4096, BF16: 2048, BFP8_B: 1088, BFP4_B: 576 };

/** Tiles needed to cover `length` elements along one side. */
export function tilesAcross(length: number): number {
  return Math.ceil(length / TILE_SIDE);
}

/** Bytes of the packed stream of a [rows, columns] matrix, padding included. */
export function packedBytes(format: TileFormat, rows: number, columns: number): number {
  return tilesAcross(rows) * tilesAcross(columns) * TILE_BYTES[format];
}

/** Element index (0 … 1023) of (row, column) inside its tile: face after face. */
export function indexInTile(row: number, column: number): number {
  const face = (row >> 4) * 2 + (column >> 4);
  return face * FACE_ELEMENTS + (row & 15) * FACE_SIDE + (column & 15);
}

/** Element index of (row, column) in the stream of a matrix that is `columns` wide. */
export function indexInStream(row: number, column: number, columns: number): number {
  const tile = (row >> 5) * tilesAcross(columns) + (column >> 5);
  return tile * TILE_ELEMENTS + indexInTile(row & 31, column & 31);
}

/**
 * Row-major to tile order.
 *
 * @param values - [rows, columns]. Not modified.
 * @returns the stream of all tiles; padding is zero.
 */
export function tilize(values: Float32Array, rows: number, columns: number): Float32Array {
  const stream = new Float32Array(tilesAcross(rows) * tilesAcross(columns) * TILE_ELEMENTS);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      stream[indexInStream(row, column, columns)] = values[row * columns + column]!;
    }
  }
  return stream;
}

/** Tile order to row-major [rows, columns]; the padding is dropped. */
export function untilize(stream: Float32Array, rows: number, columns: number): Float32Array {
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      values[row * columns + column] = stream[indexInStream(row, column, columns)]!;
    }
  }
  return values;
}
