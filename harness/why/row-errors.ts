// How far one row is from another: over all of it, and in the worst stretch of neighbours, where a broken tile shows.
import type { Rows } from '../../src/device/n150/rows.ts';

export interface RowError {
  /** |actual - golden| / |golden|, Euclidean. */
  readonly relL2: number;
  /** Root mean square error of the worst block against the row's root mean square. */
  readonly block: number;
}

/** Neighbours that one tile's columns make. */
export const TILE_COLUMNS = 32;

/** @param golden - [width] from `goldenStart`; a row of zeros that is met exactly has no error, and any other one has an infinite one. */
export function rowError(
  golden: Float32Array,
  goldenStart: number,
  actual: Float32Array,
  actualStart: number,
  width: number,
): RowError {
  let squares = 0;
  let errors = 0;
  let worst = 0;
  for (let first = 0; first < width; first += TILE_COLUMNS) {
    const end = Math.min(first + TILE_COLUMNS, width);
    let inBlock = 0;
    for (let i = first; i < end; i++) {
      const g = golden[goldenStart + i]!;
      const difference = actual[actualStart + i]! - g;
      squares += g * g;
      inBlock += difference * difference;
    }
    errors += inBlock;
    const mean = inBlock / (end - first);
    if (!(mean <= worst)) worst = mean;
  }
  return { relL2: ratio(errors, squares), block: ratio(worst, squares / width) };
}

function ratio(errors: number, squares: number): number {
  if (errors === 0) return 0;
  const value = Math.sqrt(errors / squares);
  return Number.isNaN(value) ? Number.POSITIVE_INFINITY : value;
}

/** Place of each row of `width` values, first to last. */
export function rowPlaces(rows: Rows, width: number): { readonly values: Float32Array; readonly starts: number[] } {
  const { values, start, stride } = rows instanceof Float32Array ? { values: rows, start: 0, stride: width } : rows;
  const count = Math.ceil((values.length - start) / stride);
  return { values, starts: Array.from({ length: count }, (_, row) => start + row * stride) };
}
