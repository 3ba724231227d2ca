// Whole matrices to the packed tile streams of DRAM, as the host does it, and back to values.
// Source: n150-numerics A.3 (BFP8_B, BFP4_B), A.5 (tiles); BF16 is rounded to nearest even as torch does.
// Exactness: bit-exact.
import { ShapeError } from '../../errors.ts';
import { bf16FromFloat32Bits } from '../../numerics/bf16.ts';
import { BLOCK_LENGTH, bf16FromBfp4, bf16FromBfp8 } from '../../numerics/block-float.ts';
import { type HostBfpRounding, packHostBlock } from '../../numerics/block-float-host.ts';
import { bitsOf } from '../../numerics/float-bits.ts';
import {
  FACE_SIDE,
  packedBytes,
  TILE_BYTES,
  TILE_ELEMENTS,
  TILE_EXPONENT_BYTES,
  TILE_SIDE,
  tilesAcross,
} from '../../tensor/tile-layout.ts';
import type { PackedMatrix, WeightFormat } from './matmul-engine.ts';

/** Values as float32, or as bfloat16 patterns straight from a checkpoint. */
export type MatrixValues = Float32Array | Uint16Array;

export interface PackOptions {
  readonly format: WeightFormat;
  readonly rounding: HostBfpRounding;
}

/**
 * Packs a [K, N] matrix.
 *
 * @param values - [K, N] row-major. Not modified.
 * @throws ShapeError if the length is not K * N.
 */
export function packMatrix(values: MatrixValues, k: number, n: number, options: PackOptions): PackedMatrix {
  return pack(values, k, n, { ...options, strideK: n, strideN: 1 });
}

/**
 * Packs a checkpoint's linear weight, stored [N, K] (output features first), as the device's [K, N].
 *
 * @param weights - [N, K] row-major. Not modified.
 * @throws ShapeError if the length is not K * N.
 */
export function packTransposedWeights(weights: MatrixValues, n: number, k: number, options: PackOptions): PackedMatrix {
  return pack(weights, k, n, { ...options, strideK: 1, strideN: k });
}

interface StridedPackOptions extends PackOptions {
  readonly strideK: number;
  readonly strideN: number;
}

function pack(values: MatrixValues, k: number, n: number, options: StridedPackOptions): PackedMatrix {
  if (values.length !== k * n) {
    throw new ShapeError('A matrix to pack has another number of elements than its shape says.', {
      code: 'MATRIX_LENGTH',
      facts: { found: values.length, wanted: `${k} * ${n} = ${k * n}` },
      hint: 'pass the tensor with the shape that its file declares',
    });
  }
  const { format, rounding, strideK, strideN } = options;
  const sourceBits = values instanceof Float32Array ? bitsOf(values) : values;
  const widenShift = values instanceof Float32Array ? 0 : 16;
  const tiles = new Uint8Array(packedBytes(format, k, n));
  const block = new Uint32Array(BLOCK_LENGTH);
  const bytes = new Uint8Array(BLOCK_LENGTH);
  const tilesN = tilesAcross(n);
  for (let tileK = 0; tileK < tilesAcross(k); tileK++) {
    for (let tileN = 0; tileN < tilesN; tileN++) {
      const tileStart = (tileK * tilesN + tileN) * TILE_BYTES[format];
      for (let faceRow = 0; faceRow < TILE_EXPONENT_BYTES; faceRow++) {
        const row = tileK * TILE_SIDE + rowOfFaceRow(faceRow);
        const column = tileN * TILE_SIDE + columnOfFaceRow(faceRow);
        if (row >= k || column >= n) continue;
        const count = Math.min(BLOCK_LENGTH, n - column);
        const start = row * strideK + column * strideN;
        for (let i = 0; i < count; i++) block[i] = sourceBits[start + i * strideN]! << widenShift;
        block.fill(0, count);
        if (format === 'BF16') writeBf16Block(block, tiles, tileStart + faceRow * 2 * FACE_SIDE);
        else {
          tiles[tileStart + faceRow] = packHostBlock(block, format, rounding, bytes);
          writeBlock(bytes, format, tiles, tileStart + TILE_EXPONENT_BYTES, faceRow);
        }
      }
    }
  }
  return { format, k, n, tiles };
}

/** Row in the tile of the face row with this number (0 … 63, face order). */
function rowOfFaceRow(faceRow: number): number {
  return (faceRow >> 5) * FACE_SIDE + (faceRow & 15);
}

/** First column in the tile of the face row with this number. */
function columnOfFaceRow(faceRow: number): number {
  return ((faceRow >> 4) & 1) * FACE_SIDE;
}

function writeBf16Block(block: Uint32Array, tiles: Uint8Array, start: number): void {
  for (let i = 0; i < BLOCK_LENGTH; i++) {
    const pattern = bf16FromFloat32Bits(block[i]!);
    tiles[start + 2 * i] = pattern & 0xff;
    tiles[start + 2 * i + 1] = pattern >>> 8;
  }
}

/** BFP4_B puts two elements in a byte, the first in the low nibble. */
function writeBlock(
  bytes: Uint8Array,
  format: 'BFP8_B' | 'BFP4_B',
  tiles: Uint8Array,
  dataStart: number,
  faceRow: number,
): void {
  if (format === 'BFP8_B') {
    const start = dataStart + faceRow * BLOCK_LENGTH;
    // For sixteen bytes a loop is faster than TypedArray.set.
    for (let i = 0; i < BLOCK_LENGTH; i++) tiles[start + i] = bytes[i]!;
  } else {
    const start = dataStart + faceRow * (BLOCK_LENGTH / 2);
    for (let i = 0; i < BLOCK_LENGTH; i += 2) tiles[start + i / 2] = bytes[i]! | (bytes[i + 1]! << 4);
  }
}

/** Values [K, N] of a packed matrix, padding dropped; what the multiplier gets as SrcA. */
export function unpackMatrix(matrix: PackedMatrix): Float32Array {
  const { k, n } = matrix;
  const values = new Float32Array(k * n);
  const bits = bitsOf(values);
  const tilesN = tilesAcross(n);
  const strip = new Uint16Array(TILE_SIDE * tilesN * TILE_SIDE);
  for (let tileK = 0; tileK < tilesAcross(k); tileK++) {
    unpackTileRow(matrix, tileK, strip);
    const rows = Math.min(TILE_SIDE, k - tileK * TILE_SIDE);
    for (let row = 0; row < rows; row++) {
      const start = (tileK * TILE_SIDE + row) * n;
      const stripStart = row * tilesN * TILE_SIDE;
      for (let column = 0; column < n; column++) bits[start + column] = strip[stripStart + column]! << 16;
    }
  }
  return values;
}

/**
 * Unpacks 32 rows of a packed matrix to bfloat16 patterns.
 *
 * @param strip - receives [32, N padded to 32] row-major.
 */
export function unpackTileRow(matrix: PackedMatrix, tileK: number, strip: Uint16Array): void {
  const { format, tiles } = matrix;
  const tilesN = tilesAcross(matrix.n);
  const width = tilesN * TILE_SIDE;
  for (let tileN = 0; tileN < tilesN; tileN++) {
    const tileStart = (tileK * tilesN + tileN) * TILE_BYTES[format];
    for (let faceRow = 0; faceRow < TILE_ELEMENTS / FACE_SIDE; faceRow++) {
      const start = rowOfFaceRow(faceRow) * width + tileN * TILE_SIDE + columnOfFaceRow(faceRow);
      if (format === 'BF16') {
        const source = tileStart + faceRow * 2 * FACE_SIDE;
        for (let i = 0; i < FACE_SIDE; i++)
          strip[start + i] = tiles[source + 2 * i]! | (tiles[source + 2 * i + 1]! << 8);
      } else if (format === 'BFP8_B') {
        const exponent = tiles[tileStart + faceRow]!;
        const source = tileStart + TILE_EXPONENT_BYTES + faceRow * FACE_SIDE;
        for (let i = 0; i < FACE_SIDE; i++) strip[start + i] = bf16FromBfp8(exponent, tiles[source + i]!);
      } else {
        const exponent = tiles[tileStart + faceRow]!;
        const source = tileStart + TILE_EXPONENT_BYTES + faceRow * (FACE_SIDE / 2);
        for (let i = 0; i < FACE_SIDE; i++) {
          strip[start + i] = bf16FromBfp4(exponent, tiles[source + (i >> 1)]! >>> ((i & 1) * 4));
        }
      }
    }
  }
}
