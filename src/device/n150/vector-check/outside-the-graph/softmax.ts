// Softmax of ttnn 0.81 along the last dimension: exponentials, their sum by matmul, one reciprocal, one multiplication.
// No operation of the decode graph: attention has a softmax of its own, fused. Kept as a proof of its parts.
// Source: n150-numerics section I.
// Exactness: bit-exact against ttnn 0.81 in HiFi4, both Dst widths, with and without the maximum taken off first.
import { roundToBf16TiesEven } from '../../../../numerics/bf16.ts';
import { type MultiplyOptions, mulRows, subRows } from '../../../wormhole/matrix-unit/eltwise-rows.ts';
import { sumRowByMatmul } from '../../../wormhole/matrix-unit/row-sum.ts';
import { packFloat32RowToBf16 } from '../../../wormhole/packer.ts';
import { exp2026 } from '../../../wormhole/sfpu/exp-2026.ts';
import { expExact } from '../../../wormhole/sfpu/exp-exact.ts';
import { reciprocal2026 } from '../../../wormhole/sfpu/reciprocal-2026.ts';

export interface SoftmaxOptions extends MultiplyOptions {
  /** Whether the row's maximum is subtracted first (`numeric_stable`). */
  readonly isStable: boolean;
}

/**
 * @param row - [W] BF16 values. Not modified.
 * @returns [W] BF16 values.
 */
export function softmax2026(row: Float32Array, options: SoftmaxOptions): Float32Array {
  const { fp32DestAcc, isStable } = options;
  const shifted = isStable ? subRows(row, Float32Array.of(maximumOf(row)), options) : row;
  const powers = shifted.map(fp32DestAcc ? (x) => Math.fround(expExact(x)) : (x) => roundToBf16TiesEven(exp2026(x)));
  const inverse = reciprocal2026(sumRowByMatmul(powers, 1, options), 2);
  const weights = mulRows(powers, Float32Array.of(fp32DestAcc ? inverse : roundToBf16TiesEven(inverse)), options);
  if (fp32DestAcc) packFloat32RowToBf16(weights);
  return weights;
}

function maximumOf(row: Float32Array): number {
  let maximum = Number.NEGATIVE_INFINITY;
  for (const value of row) maximum = Math.max(maximum, value);
  return maximum;
}
