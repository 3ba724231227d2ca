// Checkpoint weights [N, K] in BF16 to packed tiles of the device's [K, N]; twin of packTransposedWeights.
// Sixteen rows by eight inputs at a time: a vector runs along K, so each lane is a group of sixteen outputs of its own.
import { FORMAT_BF16, FORMAT_BFP8 } from '../job-layout';
import { tileBytes } from './unpack';

const EXPONENT_BYTES: usize = 64;
/** Bytes of one row of a tile that is copied to be padded. */
const PADDED_STRIDE: usize = 64;

/** 2^(7 - shift) for shifts 0 … 7, else 0: a significand of eight bits that moves further rounds to nothing. */
// @ts-ignore: decorator
@inline
function alignment(): v128 {
  return i8x16(-128, 64, 32, 16, 8, 4, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0);
}

/** The largest exponent of `rows` rows in each of eight lanes, in place (bits 7 … 14). */
// @ts-ignore: decorator
@inline
function sharedExponents(source: usize, stride: usize): v128 {
  const field = i16x8.splat(0x7f80);
  let shared = v128.and(v128.load(source), field);
  for (let row: usize = 1; row < 16; row++) {
    shared = i16x8.max_s(shared, v128.and(v128.load(source + row * stride), field));
  }
  return shared;
}

/** One row's eight elements: magnitude in the low bits of each lane, the sign above it. */
// @ts-ignore: decorator
@inline
function elements(values: v128, shared: v128, isBfp8: bool, tiesToEven: bool): v128 {
  const dropped = isBfp8 ? 8 : 12;
  const exponents = v128.and(values, i16x8.splat(0x7f80));
  const shifts = i16x8.shr_u(i16x8.sub(shared, exponents), 7);
  // The high byte of each index is out of range, so the multiplier's is 0.
  const multipliers = i8x16.swizzle(alignment(), v128.or(shifts, i16x8.splat(-256)));
  const significands = v128.or(v128.and(values, i16x8.splat(0x7f)), i16x8.splat(0x80));
  const aligned = i16x8.mul(v128.andnot(significands, i16x8.eq(exponents, i16x8.splat(0))), multipliers);
  const half: i16 = isBfp8 ? 0x80 : 0x800;
  const nudged = tiesToEven
    ? i16x8.add(
        i16x8.add(aligned, i16x8.splat(half - 1)),
        v128.and(i16x8.shr_u(aligned, dropped), i16x8.splat(1)),
      )
    : i16x8.add(aligned, i16x8.splat(half));
  const magnitudes = i16x8.min_s(i16x8.shr_u(nudged, dropped), i16x8.splat(isBfp8 ? 127 : 7));
  const signs = v128.and(i16x8.shr_u(values, dropped), i16x8.splat(isBfp8 ? 0x80 : 8));
  return v128.or(magnitudes, v128.andnot(signs, i16x8.eq(magnitudes, i16x8.splat(0))));
}

/** Rows `row` and `row + 1`, two elements a lane: the first in the lower byte or nibble. */
// @ts-ignore: decorator
@inline
function pair(source: usize, stride: usize, row: usize, shared: v128, isBfp8: bool, tiesToEven: bool): v128 {
  const first = elements(v128.load(source + row * stride), shared, isBfp8, tiesToEven);
  const second = elements(v128.load(source + (row + 1) * stride), shared, isBfp8, tiesToEven);
  return v128.or(first, i16x8.shl(second, isBfp8 ? 8 : 4));
}

// @ts-ignore: decorator
@inline
function lowHalves(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}

// @ts-ignore: decorator
@inline
function highHalves(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

/** Eight vectors of eight lanes, transposed to target[8], `stride` bytes apart; or, narrowed, eight bytes each. */
// @ts-ignore: decorator
@inline
function storeTransposed(
  r0: v128, r1: v128, r2: v128, r3: v128, r4: v128, r5: v128, r6: v128, r7: v128,
  target: usize, stride: usize, isNarrow: bool,
): void {
  const a0 = lowHalves(r0, r4), a1 = highHalves(r0, r4);
  const a2 = lowHalves(r2, r6), a3 = highHalves(r2, r6);
  const b0 = lowHalves(r1, r5), b1 = highHalves(r1, r5);
  const b2 = lowHalves(r3, r7), b3 = highHalves(r3, r7);
  const c0 = lowHalves(a0, a2), c1 = highHalves(a0, a2);
  const c2 = lowHalves(a1, a3), c3 = highHalves(a1, a3);
  const d0 = lowHalves(b0, b2), d1 = highHalves(b0, b2);
  const d2 = lowHalves(b1, b3), d3 = highHalves(b1, b3);
  storePair(lowHalves(c0, d0), highHalves(c0, d0), target, stride, isNarrow);
  storePair(lowHalves(c1, d1), highHalves(c1, d1), target + 2 * stride, stride, isNarrow);
  storePair(lowHalves(c2, d2), highHalves(c2, d2), target + 4 * stride, stride, isNarrow);
  storePair(lowHalves(c3, d3), highHalves(c3, d3), target + 6 * stride, stride, isNarrow);
}

// @ts-ignore: decorator
@inline
function storePair(first: v128, second: v128, target: usize, stride: usize, isNarrow: bool): void {
  if (isNarrow) v128.store(target, i8x16.narrow_i16x8_u(first, second));
  else {
    v128.store(target, first);
    v128.store(target + stride, second);
  }
}

/** Sixteen rows by eight inputs to eight groups of a block format. */
// @ts-ignore: decorator
@inline
function packGroups(
  source: usize, stride: usize, exponents: usize, data: usize, isBfp8: bool, tiesToEven: bool,
): void {
  const shared = sharedExponents(source, stride);
  const fields = i16x8.shr_u(shared, 7);
  v128.store64_lane(exponents, i8x16.narrow_i16x8_u(fields, fields), 0);
  storeTransposed(
    pair(source, stride, 0, shared, isBfp8, tiesToEven), pair(source, stride, 2, shared, isBfp8, tiesToEven),
    pair(source, stride, 4, shared, isBfp8, tiesToEven), pair(source, stride, 6, shared, isBfp8, tiesToEven),
    pair(source, stride, 8, shared, isBfp8, tiesToEven), pair(source, stride, 10, shared, isBfp8, tiesToEven),
    pair(source, stride, 12, shared, isBfp8, tiesToEven), pair(source, stride, 14, shared, isBfp8, tiesToEven),
    data, isBfp8 ? 16 : 8, !isBfp8,
  );
}

/** One tile of a block format; the four faces' groups are face rows in face order. */
// @ts-ignore: decorator
@inline
function packBlockTile(source: usize, stride: usize, tile: usize, isBfp8: bool, tiesToEven: bool): void {
  const groupBytes: usize = isBfp8 ? 16 : 8;
  for (let rowHalf: usize = 0; rowHalf < 2; rowHalf++) {
    for (let eighth: usize = 0; eighth < 4; eighth++) {
      const faceRow = ((eighth >> 1) << 5) + (rowHalf << 4) + ((eighth & 1) << 3);
      packGroups(
        source + (rowHalf << 4) * stride + (eighth << 4), stride,
        tile + faceRow, tile + EXPONENT_BYTES + faceRow * groupBytes, isBfp8, tiesToEven,
      );
    }
  }
}

function packBfp8HalfUp(source: usize, stride: usize, tile: usize): void {
  packBlockTile(source, stride, tile, true, false);
}

function packBfp8NearestEven(source: usize, stride: usize, tile: usize): void {
  packBlockTile(source, stride, tile, true, true);
}

function packBfp4HalfUp(source: usize, stride: usize, tile: usize): void {
  packBlockTile(source, stride, tile, false, false);
}

function packBfp4NearestEven(source: usize, stride: usize, tile: usize): void {
  packBlockTile(source, stride, tile, false, true);
}

/** Eight patterns; a NaN is made quiet, as by the rounding from float32. */
// @ts-ignore: decorator
@inline
function quiet(source: usize): v128 {
  const values = v128.load(source);
  const isNan = i16x8.gt_s(v128.and(values, i16x8.splat(0x7fff)), i16x8.splat(0x7f80));
  return v128.or(values, v128.and(isNan, i16x8.splat(0x40)));
}

function packBf16(source: usize, stride: usize, tile: usize): void {
  for (let rowEighth: usize = 0; rowEighth < 4; rowEighth++) {
    for (let eighth: usize = 0; eighth < 4; eighth++) {
      const from = source + (rowEighth << 3) * stride + (eighth << 4);
      const faceRow = ((eighth >> 1) << 5) + ((rowEighth >> 1) << 4) + ((eighth & 1) << 3);
      storeTransposed(
        quiet(from), quiet(from + stride), quiet(from + 2 * stride), quiet(from + 3 * stride),
        quiet(from + 4 * stride), quiet(from + 5 * stride), quiet(from + 6 * stride), quiet(from + 7 * stride),
        tile + (faceRow << 5) + ((rowEighth & 1) << 4), 32, false,
      );
    }
  }
}

function packTile(source: usize, stride: usize, tile: usize, format: i32, tiesToEven: bool): void {
  if (format == FORMAT_BF16) packBf16(source, stride, tile);
  else if (format == FORMAT_BFP8) {
    if (tiesToEven) packBfp8NearestEven(source, stride, tile);
    else packBfp8HalfUp(source, stride, tile);
  } else if (tiesToEven) packBfp4NearestEven(source, stride, tile);
  else packBfp4HalfUp(source, stride, tile);
}

/**
 * Packs some rows of a weight: all tiles of the columns [32 * firstTile, 32 * firstTile + rows) of the device's matrix.
 *
 * @param source - [rows, k] BF16 row-major.
 * @param padded - 2048 bytes for a tile at the edge.
 * @param tiles - the whole packed matrix, [tilesK, tilesN] tiles.
 */
export function packWeights(
  source: usize, rows: i32, k: i32, padded: usize, tiles: usize, firstTile: i32, tilesN: i32,
  format: i32, tiesToEven: bool,
): void {
  const stride = <usize>k << 1;
  const size = tileBytes(format);
  const tilesK = (k + 31) >> 5;
  for (let row = 0; row < rows; row += 32) {
    const tileRows = min(32, rows - row);
    const from = source + <usize>row * stride;
    for (let tileK = 0; tileK < tilesK; tileK++) {
      const columns = min(32, k - (tileK << 5));
      const column = from + (<usize>tileK << 6);
      const tile = tiles + (<usize>tileK * <usize>tilesN + <usize>(firstTile + (row >> 5))) * size;
      if (tileRows == 32 && columns == 32) {
        packTile(column, stride, tile, format, tiesToEven);
        continue;
      }
      memory.fill(padded, 0, 32 * PADDED_STRIDE);
      for (let i: usize = 0; i < <usize>tileRows; i++) {
        memory.copy(padded + i * PADDED_STRIDE, column + i * stride, <usize>columns << 1);
      }
      packTile(padded, PADDED_STRIDE, tile, format, tiesToEven);
    }
  }
}
