// Rows of a weight matrix [N, K] as the N150 holds them: transposed to [K, N], in tiles of 32x32. Views, no copies.
import { TILE_SIDE } from '../../../src/tensor/tile-layout.ts';
import type { MatrixView } from '../../../src/tensor/views.ts';

export interface TileOf {
  /** [k, n], at most 32x32: the transposed part of the rows; its strides are those of the rows. */
  readonly view: MatrixView;
  /** Of element [0, 0] of the tile, within the rows given. */
  readonly firstRow: number;
  readonly firstColumn: number;
}

/** The tiles of some rows, those of the first 32 rows first. @param rows - [N, K]; its first row begins a tile. */
export function* tilesOfRows(rows: MatrixView): Generator<TileOf> {
  const [rowCount = 0, columnCount = 0] = rows.shape;
  for (let firstRow = 0; firstRow < rowCount; firstRow += TILE_SIDE) {
    for (let firstColumn = 0; firstColumn < columnCount; firstColumn += TILE_SIDE) {
      const view = rows
        .hi(Math.min(firstRow + TILE_SIDE, rowCount), Math.min(firstColumn + TILE_SIDE, columnCount))
        .lo(firstRow, firstColumn)
        .transpose(1, 0);
      yield { view, firstRow, firstColumn };
    }
  }
}
