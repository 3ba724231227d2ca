// The scaled sum of a tile's row as the reduce instruction adds it to Dst: data in SrcA, the scaler in SrcB.
// Source: n150-numerics B.5; the order is that of llk_math_reduce.h: one face, all phases of it, the next face.
// Exactness: the instruction bit for bit (MVMUL); Dst is cut to tf32 after each tile, on its way through SrcB.

import { tf32FromFloat32Bits } from '../../../numerics/tf32.ts';
import { PHASE_COUNT } from '../fidelity.ts';
import type { MultiplyOptions } from './eltwise-rows.ts';
import { MVMUL_LANES, mvmul } from './mvmul.ts';

/**
 * Dst plus the scaled sum of one tile's row.
 *
 * @param values - float32 bit patterns, cut to tf32 on their way into SrcA. Not modified.
 * @param first - where the tile's row begins in `values`; it ends before `end`, zeros behind it.
 * @param scaler - float32 bit pattern; cut to tf32 too.
 * @param dst - float32 bit pattern before.
 * @returns float32 bit pattern after: a tf32, or a bfloat16 with a 16-bit Dst.
 */
export type ReduceTile = (values: Uint32Array, first: number, end: number, scaler: number, dst: number) => number;

export function createReduceTile({ fp32DestAcc, mathFidelity }: MultiplyOptions): ReduceTile {
  const phases = Array.from({ length: PHASE_COUNT[mathFidelity] }, (_, phase) => ({ phase, fp32DestAcc }));
  const srcA = new Uint32Array(MVMUL_LANES);
  const srcB = new Uint32Array(MVMUL_LANES);
  return (values, first, end, scaler, dst) => {
    srcB.fill(scaler);
    let sum = dst;
    for (let face = first; face < end; face += MVMUL_LANES) {
      for (let lane = 0; lane < MVMUL_LANES; lane++) srcA[lane] = face + lane < end ? values[face + lane]! : 0;
      for (const phase of phases) sum = mvmul(srcA, srcB, sum, phase);
    }
    return tf32FromFloat32Bits(sum);
  };
}
