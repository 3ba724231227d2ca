// The K loop of a matmul around its inner step: blocks of K tiles, partial sums between them, the packed output.
// Source: n150-numerics B.6 and section I; ttnn's bmm_large_block_zm kernel.
// Exactness: bit-exact given an exact step; the fast tier uses the same blocks with its own step.
import { UnsupportedError } from '../../../errors.ts';
import { bf16TiesAwayFromFloat32Bits } from '../../../numerics/bf16.ts';
import { bitsOf } from '../../../numerics/float-bits.ts';
import { TILE_SIDE, tilesAcross } from '../../../tensor/tile-layout.ts';
import type { MatmulOptions, OutputFormat } from '../matmul-engine.ts';
import { packRowsToBlockFloat } from '../packer.ts';
import { l1AccumulateBf16, l1AccumulateFp32 } from './l1-accumulate.ts';

/**
 * Adds one K tile to every element of Dst.
 *
 * @param dst - [rows, N padded to 32] float32, updated in place; holds bfloat16 values when Dst is 16 bits wide.
 */
export type TileStep = (tileK: number, dst: Float32Array) => void;

export interface MatmulShape {
  readonly rows: number;
  readonly k: number;
  readonly n: number;
}

/** @throws UnsupportedError for combinations that no kernel of ttnn runs. */
export function requireSupportedMatmul(options: MatmulOptions): void {
  const { packerL1Acc, intermediateFormat, in0BlockW, fp32DestAcc } = options;
  if (packerL1Acc && intermediateFormat === 'BFP8_B') {
    throw new UnsupportedError('The packer cannot accumulate in L1 in BFP8_B.', {
      code: 'L1_ACC_FORMAT',
      facts: { found: 'packerL1Acc with intermediateFormat BFP8_B', wanted: 'BF16 or FP32' },
      hint: 'set intermediateFormat to BF16, or packerL1Acc to false',
    });
  }
  if (!fp32DestAcc && intermediateFormat === 'FP32') {
    throw new UnsupportedError('Partial sums in FP32 need a 32-bit Dst.', {
      code: 'INTERMEDIATE_FORMAT',
      facts: { found: 'intermediateFormat FP32 with fp32DestAcc false', wanted: 'BF16 or BFP8_B' },
      hint: 'set fp32DestAcc to true, or intermediateFormat to BF16',
    });
  }
  if (!Number.isInteger(in0BlockW) || in0BlockW < 1) {
    throw new UnsupportedError('A block of K must hold whole tiles.', {
      code: 'IN0_BLOCK_W',
      facts: { found: in0BlockW, wanted: 'an integer of at least 1' },
      hint: 'the demo uses in0BlockW 1',
    });
  }
}

/**
 * Runs all K blocks: with L1 accumulation, blocks are summed in L1 and the last one runs on top of the reloaded sum;
 * without, every block runs on top of the partial sums reloaded from the one before.
 *
 * @returns [rows, N] float32 holding values of `outputFormat`.
 */
export function runKBlocks({ rows, k, n }: MatmulShape, options: MatmulOptions, step: TileStep): Float32Array {
  requireSupportedMatmul(options);
  const { packerL1Acc, in0BlockW, intermediateFormat, outputFormat } = options;
  const width = tilesAcross(n) * TILE_SIDE;
  const tilesK = tilesAcross(k);
  const dst = new Float32Array(rows * width);
  const partial = new Float32Array(tilesK > in0BlockW ? rows * width : 0);
  for (let blockStart = 0; blockStart < tilesK; blockStart += in0BlockW) {
    const blockEnd = Math.min(blockStart + in0BlockW, tilesK);
    const isFirst = blockStart === 0;
    const isLast = blockEnd === tilesK;
    if (!isFirst && (isLast || !packerL1Acc)) dst.set(partial);
    else dst.fill(0);
    for (let tileK = blockStart; tileK < blockEnd; tileK++) step(tileK, dst);
    if (isLast) break;
    packInPlace(dst, intermediateFormat, options);
    if (isFirst || !packerL1Acc) partial.set(dst);
    else if (intermediateFormat === 'FP32') l1AccumulateFp32(partial, dst);
    else l1AccumulateBf16(partial, dst);
  }
  packInPlace(dst, outputFormat, options);
  return width === n ? dst : withoutPadding(dst, rows, n, width);
}

/** Dst to `format` as values. A 16-bit Dst is BF16 already and widens to FP32 exactly. */
function packInPlace(dst: Float32Array, format: OutputFormat, options: MatmulOptions): void {
  if (format === 'BFP8_B') {
    packRowsToBlockFloat(dst, { format, doubleRound: options.bfp8PackDoubleRound });
  } else if (format === 'BF16' && options.fp32DestAcc) {
    const bits = bitsOf(dst);
    for (let i = 0; i < bits.length; i++) bits[i] = bf16TiesAwayFromFloat32Bits(bits[i]!) << 16;
  }
}

function withoutPadding(dst: Float32Array, rows: number, n: number, width: number): Float32Array {
  const values = new Float32Array(rows * n);
  for (let row = 0; row < rows; row++) values.set(dst.subarray(row * width, row * width + n), row * n);
  return values;
}
