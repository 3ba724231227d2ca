// Tier fast of the matmul: float32 dots over K tiles of 32, rounded once per tile; the same error statistics as exact.
// Source: n150-numerics B.7, first recommendation.
// Exactness: reproducible: the order of additions below is the definition that the SIMD kernel follows.
import { bf16FromFloat32Bits } from '../../../numerics/bf16.ts';
import { bitsOf } from '../../../numerics/float-bits.ts';
import { TILE_SIDE, tilesAcross } from '../../../tensor/tile-layout.ts';
import { unpackTileRow } from '../host-packing.ts';
import type { MathFidelity, MatmulOptions, PackedMatrix } from '../matmul-engine.ts';
import { runKBlocks } from './matmul-blocks.ts';

interface OperandMasks {
  /** Kept bits of an activation's bfloat16 pattern (SrcB). */
  readonly in0: number;
  /** Kept bits of a weight's bfloat16 pattern (SrcA). */
  readonly in1: number;
}

/**
 * What the multiplier sees of each operand (B.2): LoFi 7 and 5 significant bits, HiFi2 7 and 8, above that all.
 * HiFi3's one missing partial product (last activation bit times low weight bits) is not modelled here.
 */
export const FAST_OPERAND_MASKS: Readonly<Record<MathFidelity, OperandMasks>> = {
  LoFi: { in0: 0xfffe, in1: 0xfff8 },
  HiFi2: { in0: 0xfffe, in1: 0xffff },
  HiFi3: { in0: 0xffff, in1: 0xffff },
  HiFi4: { in0: 0xffff, in1: 0xffff },
};

/**
 * [rows, K] @ [K, N] in tier fast.
 *
 * For each output element, over one K tile with k ascending:
 *   sum = fround(sum + fround(a_k * w_k)), sum starting at +0       (multiply, then add; no fused multiply-add)
 * then, once per tile:
 *   dst = round(fround(dst + sum))                                  (round: bf16 ties to even; none with fp32DestAcc)
 * where dst is 0 at a block's start, or the partial sum where B.6 reloads it: one rounding for a tile on top of it.
 *
 * The other knobs act as in tier exact, on these Dst values: `in0BlockW` tiles follow one another in Dst, each rounded
 * once; between blocks Dst goes to `intermediateFormat` (BF16 from a 32-bit Dst: ties away) and is either accumulated
 * in L1 (BF16 ties to even, FP32 plain) or reloaded. Operands are cut by `FAST_OPERAND_MASKS`. Denormals are kept.
 *
 * @param in0 - [rows, K] float32 holding bfloat16 values. Not modified.
 * @returns [rows, N] float32 holding values of `options.outputFormat`.
 */
export function matmulFast(
  in0: Float32Array,
  rows: number,
  weights: PackedMatrix,
  options: MatmulOptions,
): Float32Array {
  const masks = FAST_OPERAND_MASKS[options.mathFidelity];
  return matmulInFloats(cutOperand(in0, masks.in0), rows, weights, { ...options, weightMask: masks.in1 });
}

export interface FloatMatmulOptions extends MatmulOptions {
  /** Kept bits of a weight's bfloat16 pattern. */
  readonly weightMask: number;
}

/** The float loop of {@link matmulFast}, on activations that are used as they come. */
export function matmulInFloats(
  activations: Float32Array,
  rows: number,
  weights: PackedMatrix,
  options: FloatMatmulOptions,
): Float32Array {
  const { k, n } = weights;
  const width = tilesAcross(n) * TILE_SIDE;
  const patterns = new Uint16Array(TILE_SIDE * width);
  const strip = new Float32Array(TILE_SIDE * width);
  const stripBits = bitsOf(strip);
  const sums = new Float32Array(width);

  return runKBlocks({ rows, k, n }, options, (tileK, dst) => {
    unpackTileRow(weights, tileK, patterns);
    for (let i = 0; i < patterns.length; i++) stripBits[i] = (patterns[i]! & options.weightMask) << 16;
    const firstK = tileK * TILE_SIDE;
    const depth = Math.min(TILE_SIDE, k - firstK);
    const dstBits = bitsOf(dst);
    for (let row = 0; row < rows; row++) {
      sums.fill(0);
      for (let lane = 0; lane < depth; lane++) {
        const activation = activations[row * k + firstK + lane]!;
        const weightStart = lane * width;
        for (let column = 0; column < width; column++) {
          sums[column] = sums[column]! + Math.fround(activation * strip[weightStart + column]!);
        }
      }
      const dstStart = row * width;
      for (let column = 0; column < width; column++) {
        const index = dstStart + column;
        dst[index] = dst[index]! + sums[column]!;
        if (!options.fp32DestAcc) dstBits[index] = bf16FromFloat32Bits(dstBits[index]!) << 16;
      }
    }
  });
}

/** A copy with only the masked bits of each bfloat16 pattern. */
function cutOperand(values: Float32Array, mask: number): Float32Array {
  const cut = values.slice();
  const bits = bitsOf(cut);
  for (let i = 0; i < bits.length; i++) bits[i] = bits[i]! & (mask << 16);
  return cut;
}
