// Two rotary embeddings of ttnn 0.81, `rotary_embedding` and `rotary_embedding_llama`: x * cos + rotated * sin, each step rounded to BF16.
// No operation of the decode graph, which rotates by a matmul with one large matrix (ops/rotary.ts).
// Source: n150-numerics section I. `rotary_embedding` moves halves and negates; `rotary_embedding_llama` rotates
// neighbours by a matmul with a 32x32 matrix.
// Exactness: bit-exact against ttnn 0.81 in HiFi2 and HiFi4 and both Dst widths (vector-check).
import { addRows, type MultiplyOptions, mulRows } from '../../../wormhole/matrix-unit/eltwise-rows.ts';
import { packFloat32RowToBf16 } from '../../../wormhole/packer.ts';

/**
 * @param row - [D] BF16 values of one head. Not modified.
 * @param rotated - [D] the same with its pairs exchanged and one of each negated.
 * @param cosines - [D] BF16, as long as the head.
 * @param sines - [D] BF16.
 * @returns [D] BF16 values.
 */
export function rotate2026(
  row: Float32Array,
  rotated: Float32Array,
  cosines: Float32Array,
  sines: Float32Array,
  options: MultiplyOptions,
): Float32Array {
  const stored = (values: Float32Array): Float32Array => {
    if (options.fp32DestAcc) packFloat32RowToBf16(values);
    return values;
  };
  const kept = stored(mulRows(row, cosines, options));
  const crossed = stored(mulRows(rotated, sines, options));
  return stored(addRows(kept, crossed, options));
}

/** The half-split partner of every element: -x[i + D/2] for the first half, x[i - D/2] for the second. */
export function rotateHalves(row: Float32Array): Float32Array {
  const half = row.length / 2;
  return row.map((_, i) => (i < half ? -row[i + half]! : row[i - half]!));
}
