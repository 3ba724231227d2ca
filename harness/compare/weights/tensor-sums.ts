// One pass over a tensor of base and variant: sums of squares and products by row, column and tile, and what stands out.
// Exactness: float64 sums in a fixed order, tile after tile; the same for every number of rows read at once.
import { readTensorRows } from '../../../src/checkpoint/checkpoint-tensor.ts';
import { TILE_SIDE, tilesAcross } from '../../../src/tensor/tile-layout.ts';
import { type MatrixView, matrixView } from '../../../src/tensor/views.ts';
import type { TensorPair } from './tensor-pair.ts';
import { type TileOf, tilesOfRows } from './tile-views.ts';

/** Sums over the elements of each unit (row, column or tile). */
export interface UnitSums {
  /** Of base². */
  readonly base: Float64Array;
  /** Of variant². */
  readonly variant: Float64Array;
  /** Of base times variant. */
  readonly product: Float64Array;
  /** Of (variant - base)². */
  readonly error: Float64Array;
}

export interface Place {
  readonly row: number;
  readonly column: number;
}

export interface TensorSums {
  readonly rows: UnitSums;
  readonly columns: UnitSums;
  /** Tile (k, n) of the [K, N] matrix at k * tilesAcross(N) + n. */
  readonly tiles: UnitSums;
  readonly elements: number;
  readonly changed: number;
  /** The largest |variant - base| and where it is first. */
  readonly largest: (Place & { readonly error: number; readonly base: number; readonly variant: number }) | null;
  /** NaN and infinities, which no other figure counts. */
  readonly notFinite: { readonly base: number; readonly variant: number; readonly first: Place | null };
  /** Values of the variant that float16 does not hold, where it holds the base's. */
  readonly beyondFloat16: number;
  /** Part of the errors' energy that is constant along 32 neighbours of a row. */
  readonly shiftEnergy: number;
  /** Tiles whose values are all one number in the variant (zero included), and are not in the base. */
  readonly constantTiles: number;
}

/** Elements of each side in memory at once. */
export const ELEMENTS_AT_ONCE: number = 1 << 20;
const FLOAT16_MAX = 65_504;

/** @param elementsAtOnce - rounded to whole rows of tiles, one of them at least. */
export function sumTensor(pair: TensorPair, elementsAtOnce: number = ELEMENTS_AT_ONCE): TensorSums {
  const { rows, columns, base, variant } = pair;
  const sums = createSums(rows, columns);
  const step = TILE_SIDE * Math.max(1, Math.floor(elementsAtOnce / columns / TILE_SIDE));
  for (let first = 0; first < rows; first += step) {
    const count = Math.min(step, rows - first);
    const ours = matrixView(readTensorRows(base, first, count), count, columns);
    const theirs = matrixView(readTensorRows(variant, first, count), count, columns);
    for (const tile of tilesOfRows(ours)) addTile(sums, tile, theirs, first);
  }
  const { base: b, variant: v, product: p, error } = sums.columns;
  for (let i = 0; i < columns; i++) error[i] = Math.max(0, b[i]! + v[i]! - 2 * p[i]!);
  return sums;
}

type Growing<T> = { -readonly [K in keyof T]: T[K] extends object | null ? T[K] : T[K] };
type GrowingSums = Growing<Omit<TensorSums, 'notFinite'>> & {
  notFinite: { base: number; variant: number; first: Place | null };
};

function createSums(rows: number, columns: number): GrowingSums {
  return {
    rows: unitSums(rows),
    columns: unitSums(columns),
    tiles: unitSums(tilesAcross(rows) * tilesAcross(columns)),
    elements: rows * columns,
    changed: 0,
    largest: null,
    notFinite: { base: 0, variant: 0, first: null },
    beyondFloat16: 0,
    shiftEnergy: 0,
    constantTiles: 0,
  };
}

function unitSums(length: number): UnitSums {
  const zeros = (): Float64Array => new Float64Array(length);
  return { base: zeros(), variant: zeros(), product: zeros(), error: zeros() };
}

/** @param theirs - the same rows of the variant, which lie as those that `tile` views. */
function addTile(sums: GrowingSums, { view, firstRow, firstColumn }: TileOf, theirs: MatrixView, first: number): void {
  const [depth = 0, width = 0] = view.shape;
  const [alongK = 1, alongN = 1] = view.stride;
  const { data: ours, offset } = view;
  const { data } = theirs;
  const { base: columnBase, variant: columnVariant, product: columnProduct } = sums.columns;
  const firstBase = ours[offset]!;
  const firstVariant = data[offset]!;
  const top = first + firstRow;
  let worst = sums.largest?.error ?? 0;
  let worstAt = -1;
  let changed = 0;
  let isBaseConstant = true;
  let isVariantConstant = true;
  let tileBase = 0;
  let tileVariant = 0;
  let tileProduct = 0;
  let tileError = 0;
  let highest = 0;
  for (let n = 0; n < width; n++) {
    let base = 0;
    let variant = 0;
    let product = 0;
    let error = 0;
    let shift = 0;
    let at = offset + n * alongN;
    for (let k = firstColumn; k < firstColumn + depth; k++, at += alongK) {
      const b = ours[at]!;
      const v = data[at]!;
      const e = v - b;
      // In float64 the difference of finite float32 numbers is finite.
      if (e - e !== 0) {
        countNotFinite(sums, b, v, { row: top + n, column: k });
        continue;
      }
      if (b !== firstBase) isBaseConstant = false;
      if (v !== firstVariant) isVariantConstant = false;
      const bb = b * b;
      const vv = v * v;
      const bv = b * v;
      const ee = e * e;
      base += bb;
      variant += vv;
      product += bv;
      error += ee;
      shift += e;
      columnBase[k]! += bb;
      columnVariant[k]! += vv;
      columnProduct[k]! += bv;
      if (e !== 0) changed++;
      if (vv > highest) highest = vv;
      const size = Math.abs(e);
      if (size > worst) {
        worst = size;
        worstAt = at;
      }
    }
    addTo(sums.rows, top + n, base, variant, product, error);
    sums.shiftEnergy += (shift * shift) / depth;
    tileBase += base;
    tileVariant += variant;
    tileProduct += product;
    tileError += error;
  }
  sums.changed += changed;
  if (worstAt >= 0) {
    const row = Math.floor((worstAt - offset) / alongN);
    const column = firstColumn + (worstAt - offset - row * alongN) / alongK;
    sums.largest = { row: top + row, column, error: worst, base: ours[worstAt]!, variant: data[worstAt]! };
  }
  if (highest > FLOAT16_MAX ** 2) sums.beyondFloat16 += countBeyond(view, data);
  const tile = (firstColumn / TILE_SIDE) * tilesAcross(sums.rows.base.length) + top / TILE_SIDE;
  addTo(sums.tiles, tile, tileBase, tileVariant, tileProduct, tileError);
  if (isVariantConstant && !isBaseConstant) sums.constantTiles++;
}

function addTo(sums: UnitSums, unit: number, base: number, variant: number, product: number, error: number): void {
  sums.base[unit]! += base;
  sums.variant[unit]! += variant;
  sums.product[unit]! += product;
  sums.error[unit]! += error;
}

function countNotFinite({ notFinite }: GrowingSums, base: number, variant: number, place: Place): void {
  if (!Number.isFinite(variant)) {
    notFinite.variant++;
    notFinite.first ??= place;
  }
  if (!Number.isFinite(base)) notFinite.base++;
}

/** Values of a tile that float16 does not hold, where it holds the base's. @param data - the variant's. */
function countBeyond(view: MatrixView, data: Float32Array): number {
  const [depth = 0, width = 0] = view.shape;
  let count = 0;
  for (let k = 0; k < depth; k++) {
    for (let n = 0; n < width; n++) {
      const value = Math.abs(data[view.index(k, n)]!);
      if (Number.isFinite(value) && value > FLOAT16_MAX && Math.abs(view.get(k, n)) <= FLOAT16_MAX) count++;
    }
  }
  return count;
}
