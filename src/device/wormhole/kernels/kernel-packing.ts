// Packs a checkpoint's weight with the compiled kernel, some rows at a time as they come from disk.
// Exactness: the bytes of packTransposedWeights, however the rows are cut.
import { packedBytes, TILE_BYTES, TILE_SIDE, tilesAcross } from '../../../tensor/tile-layout.ts';
import type { PackOptions } from '../host-packing.ts';
import type { PackedMatrix } from '../matmul-engine.ts';
import { FORMAT_BF16, FORMAT_BFP4, FORMAT_BFP8 } from './job-layout.ts';
import type { KernelBank } from './kernel-pool.ts';

const FORMAT_CODE = { BF16: FORMAT_BF16, BFP8_B: FORMAT_BFP8, BFP4_B: FORMAT_BFP4 } as const;

/** A stripe's size: large enough for the disk, small enough to be packed out of the cache of the processor. */
const STRIPE_BYTES = 1 << 23;
const STRIPES = 2;

export interface PackingShape extends PackOptions {
  readonly k: number;
  readonly n: number;
}

/** A matrix on its way from [N, K] BF16 rows to the tiles of [K, N]. */
export interface KernelPacking {
  /** Rows of every stripe but the last. */
  readonly stripeRows: number;
  /** Rooms for rows, as the file holds them; while one is packed, others may be filled. */
  readonly stripes: readonly Uint8Array[];
  /** Complete when all rows are packed; its tiles are good until release. */
  readonly matrix: PackedMatrix;
  /**
   * Packs what lies in a stripe.
   *
   * @param firstRow - of the matrix; a multiple of stripeRows.
   * @param rows - stripeRows, or what is left of the matrix.
   */
  pack(stripe: number, firstRow: number, rows: number): void;
  /** Gives the memory back; no read into a stripe may be under way. */
  release(): void;
}

export function startPacking({ heap, kernels }: KernelBank, shape: PackingShape): KernelPacking {
  const { format, rounding, k, n } = shape;
  const rowBytes = 2 * k;
  const stripeRows = TILE_SIDE * Math.max(1, Math.floor(STRIPE_BYTES / (rowBytes * TILE_SIDE)));
  const stripeBytes = Math.min(stripeRows, n) * rowBytes;
  const bytes = packedBytes(format, k, n);
  const rooms = [TILE_BYTES.BF16, bytes, ...Array.from({ length: STRIPES }, () => stripeBytes)];
  const [padded, tiles, ...stripes] = heap.allocateEach(rooms) as [number, number, ...number[]];
  return {
    stripeRows,
    stripes: stripes.map((start) => heap.bytes(start, stripeBytes)),
    matrix: { format, k, n, tiles: heap.bytes(tiles, bytes) },
    pack(stripe, firstRow, rows) {
      const firstTile = firstRow / TILE_SIDE;
      const tiesToEven = Number(rounding === 'nearestEven');
      const source = stripes[stripe]!;
      kernels.packWeights(source, rows, k, padded, tiles, firstTile, tilesAcross(n), FORMAT_CODE[format], tiesToEven);
    },
    release() {
      for (const start of [padded, ...stripes, tiles]) heap.free(start);
    },
  };
}
