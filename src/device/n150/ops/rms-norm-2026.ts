// RMSNorm of ttnn 0.81, interleaved: squares, their mean by matmul, one rsqrt, two multiplications.
// Source: n150-numerics section I; C.1 for the operands' sides.
// Exactness: bit-exact against ttnn 0.81 in HiFi2 and HiFi4 and both Dst widths (vector-check).
import { roundToBf16TiesEven, truncateToBf16 } from '../../../numerics/bf16.ts';
import { addRows, type MultiplyOptions, mulRows } from '../../wormhole/matrix-unit/eltwise-rows.ts';
import { sumRowByMatmul } from '../../wormhole/matrix-unit/row-sum.ts';
import { packFloat32RowToBf16 } from '../../wormhole/packer.ts';
import { reciprocalRootExact } from '../../wormhole/sfpu/vector-unit.ts';

export interface RmsNormOptions extends MultiplyOptions {
  readonly epsilon: number;
}

/**
 * @param row - [H] BF16 values. Not modified.
 * @param gamma - [H] BF16 values.
 * @returns [H] BF16 values. Between the steps lie bfloat16 values, or float32 ones with a 32-bit Dst.
 */
export function rmsNorm2026(row: Float32Array, gamma: Float32Array, options: RmsNormOptions): Float32Array {
  const { fp32DestAcc, epsilon } = options;
  const squares = mulRows(row, row, options);
  const sum = sumRowByMatmul(squares, 1, options);
  // On the vector unit: stores to a 16-bit Dst truncate.
  const scaledSum = Math.fround(sum * Math.fround(1 / row.length));
  const mean = fp32DestAcc ? scaledSum : truncateToBf16(scaledSum);
  // Its buffer has Dst's width; a recorded model's token tells 1e-5 from its bfloat16 neighbour above.
  const shift = fp32DestAcc ? Math.fround(epsilon) : roundToBf16TiesEven(epsilon);
  const shifted = addRows(Float32Array.of(mean), Float32Array.of(shift), options)[0]!;
  const inverse = reciprocalRootExact(shifted);
  const stored = fp32DestAcc ? inverse : roundToBf16TiesEven(inverse);
  const normalised = mulRows(row, Float32Array.of(stored), options);
  const scaled = mulRows(normalised, gamma, options);
  if (fp32DestAcc) packFloat32RowToBf16(scaled);
  return scaled;
}
