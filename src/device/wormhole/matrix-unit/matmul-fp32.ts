// Tier fp32 of the matmul: plain float32 sums with uncut operands, for debugging the graph without the chip's noise.
// Exactness: k ascending, multiply then add, each step rounded to float32; only the output format is the device's.
import { tilesAcross } from '../../../tensor/tile-layout.ts';
import type { MatmulOptions, PackedMatrix } from '../matmul-engine.ts';
import { matmulInFloats } from './matmul-fast.ts';

/**
 * [rows, K] @ [K, N] in float32; the sums of 32-k tiles are added in tile order.
 *
 * @param in0 - [rows, K] float32.
 * @returns [rows, N] float32 holding values of `options.outputFormat`.
 */
export function matmulFp32(
  in0: Float32Array,
  rows: number,
  weights: PackedMatrix,
  options: MatmulOptions,
): Float32Array {
  return matmulInFloats(in0, rows, weights, {
    ...options,
    weightMask: 0xffff,
    fp32DestAcc: true,
    packerL1Acc: false,
    in0BlockW: tilesAcross(weights.k),
    intermediateFormat: 'FP32',
  });
}
