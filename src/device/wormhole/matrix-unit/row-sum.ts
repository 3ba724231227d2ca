// The scaled sum of a row as ttnn 0.81 reduces it: a matmul with a column of scalers.
// Source: n150-numerics section I; found by reproducing softmax and RMSNorm. The row stands in SrcB, the scaler in SrcA.
// Exactness: bit-exact in both Dst widths (ttnn 0.81's softmax and rms_norm, vector-check).

import { bitsOf, float32Bits, float32FromBits } from '../../../numerics/float-bits.ts';
import { tf32FromFloat32Bits } from '../../../numerics/tf32.ts';
import { TILE_SIDE } from '../../../tensor/tile-layout.ts';
import { PHASE_COUNT } from '../fidelity.ts';
import type { MultiplyOptions } from './eltwise-rows.ts';
import { MVMUL_LANES, mvmul } from './mvmul.ts';

/**
 * @param row - [W] float32, cut to tf32 on its way into SrcB. Not modified.
 * @param scaler - what every element is multiplied with, 1 or 1 / W; bfloat16.
 * @returns Dst: bfloat16, or float32 with a 32-bit Dst.
 */
export function sumRowByMatmul(row: Float32Array, scaler: number, options: MultiplyOptions): number {
  const { fp32DestAcc, mathFidelity } = options;
  const rowBits = bitsOf(row);
  const srcA = new Uint32Array(MVMUL_LANES).fill(float32Bits(scaler));
  const srcB = new Uint32Array(MVMUL_LANES);
  let dst = 0;
  for (let tileStart = 0; tileStart < row.length; tileStart += TILE_SIDE) {
    for (let phase = 0; phase < PHASE_COUNT[mathFidelity]; phase++) {
      for (const first of [tileStart, tileStart + MVMUL_LANES]) {
        for (let lane = 0; lane < MVMUL_LANES; lane++) {
          srcB[lane] = first + lane < row.length ? tf32FromFloat32Bits(rowBits[first + lane]!) : 0;
        }
        dst = mvmul(srcA, srcB, dst, { phase, fp32DestAcc });
      }
    }
  }
  return float32FromBits(dst);
}
