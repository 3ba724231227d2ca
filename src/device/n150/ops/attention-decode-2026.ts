// Flash decode of ttnn 0.81 on one core: chunks of keys one after the other, running maximum, sum and output.
// Source: n150-numerics C.3 for the steps; section I and this repository's recordings for what changed since 2024:
// weights by the fast exponential with the float32 scale inside, decays by a polynomial one whose scale is cut to
// bfloat16, sums by matmul.
// Exactness: bit-exact against ttnn 0.81 (`exp_approx_mode` off) in HiFi2 with a 16-bit and HiFi4 with a 32-bit Dst,
// BF16 and BFP8_B caches.
import { roundToBf16TiesAway, truncateToBf16 } from '../../../numerics/bf16.ts';
import { packMatrix, packTransposedWeights } from '../../wormhole/host-packing.ts';
import type { MatmulEngine, MatmulOptions, PackedMatrix } from '../../wormhole/matmul-engine.ts';
import { addRows, type MultiplyOptions, mulRows, subRows } from '../../wormhole/matrix-unit/eltwise-rows.ts';
import { sumRowByMatmul } from '../../wormhole/matrix-unit/row-sum.ts';
import { packFloat32RowToBf16 } from '../../wormhole/packer.ts';
import { expFastFloat32 } from '../../wormhole/sfpu/exp-fast.ts';
import { expPolynomial2026 } from '../../wormhole/sfpu/exp-polynomial-2026.ts';
import { reciprocal2026 } from '../../wormhole/sfpu/reciprocal-2026.ts';

export interface AttentionOptions2026 extends MultiplyOptions {
  /** D. */
  readonly headDim: number;
  /** Keys per chunk, a multiple of 32. */
  readonly chunkLength: number;
  /** What scores are multiplied with, inside the exponential. */
  readonly scale: number;
  readonly engine: MatmulEngine;
}

/** Keys and values of one key/value head: [positions, D] values of the cache's format; whole chunks are read. */
export interface CacheValues {
  readonly keys: Float32Array;
  readonly values: Float32Array;
}

/**
 * Attends over positions 0 … position.
 *
 * @param query - [D] BF16 values. Not modified.
 * @returns [D] BF16 values.
 */
export function attentionDecode2026(
  query: Float32Array,
  cache: CacheValues,
  position: number,
  options: AttentionOptions2026,
): Float32Array {
  const { headDim, chunkLength, scale, fp32DestAcc } = options;
  // What the packer makes of Dst: a 16-bit one is BF16 already, a 32-bit one is rounded, ties away.
  const stored = (values: Float32Array): Float32Array => {
    if (fp32DestAcc) packFloat32RowToBf16(values);
    return values;
  };
  const decayScale = truncateToBf16(scale);
  const storedPower = fp32DestAcc ? roundToBf16TiesAway : truncateToBf16;
  const add = (a: Float32Array, b: Float32Array): Float32Array => stored(addRows(a, b, options));
  const multiply = (a: Float32Array, b: Float32Array): Float32Array => stored(mulRows(a, b, options));

  let maximum = Number.NEGATIVE_INFINITY;
  let sum: Float32Array = new Float32Array(1);
  let output: Float32Array = new Float32Array(headDim);
  for (let first = 0; first <= position; first += chunkLength) {
    const keys = chunkOf(cache.keys, first, options);
    const values = chunkOf(cache.values, first, options);
    const present = Math.min(chunkLength, position + 1 - first);
    const scores = multiplyMatrix(query, packTransposedWeights(keys, chunkLength, headDim, BF16_EXACT), options);
    const before = maximum;
    for (let j = 0; j < present; j++) maximum = Math.max(maximum, scores[j]!);

    // The difference stays in Dst, unrounded when that is 32 bits wide; masked keys weigh nothing.
    const weights = subRows(scores, Float32Array.of(maximum), options).map((difference, j) =>
      j < present ? storedPower(expFastFloat32(Math.fround(difference * scale))) : 0,
    );
    const chunkSum = stored(Float32Array.of(sumRowByMatmul(weights, 1, options)));
    const chunkOutput = multiplyMatrix(weights, packMatrix(values, chunkLength, headDim, BF16_EXACT), options);
    if (first === 0) {
      sum = chunkSum;
      output = chunkOutput;
    } else {
      const difference = subRows(Float32Array.of(before), Float32Array.of(maximum), options)[0]!;
      const power = expPolynomial2026(Math.fround(difference * decayScale), fp32DestAcc ? 4 : 2);
      // The kernel rounds to BF16 itself where Dst has 16 bits, the packer where it has 32: ties away in both.
      const decay = Float32Array.of(roundToBf16TiesAway(power));
      sum = add(chunkSum, multiply(sum, decay));
      output = add(chunkOutput, multiply(output, decay));
    }
  }
  const inverse = reciprocal2026(sum[0]!, fp32DestAcc ? 2 : 1);
  return multiply(output, Float32Array.of(roundToBf16TiesAway(inverse)));
}

/** The values are bfloat16 already (BFP8_B unpacks to bfloat16 exactly): packing does not change them. */
const BF16_EXACT = { format: 'BF16', rounding: 'nearestEven' } as const;

/** [chunkLength, D]; positions that the cache does not have are zero. */
function chunkOf(rows: Float32Array, first: number, { headDim, chunkLength }: AttentionOptions2026): Float32Array {
  const chunk = new Float32Array(chunkLength * headDim);
  chunk.set(rows.subarray(first * headDim, (first + chunkLength) * headDim));
  return chunk;
}

/** row @ matrix in one K block, all updates in Dst. */
function multiplyMatrix(row: Float32Array, matrix: PackedMatrix, options: AttentionOptions2026): Float32Array {
  const { engine, fp32DestAcc, mathFidelity } = options;
  const loaded = engine.load(matrix);
  const matmulOptions: MatmulOptions = {
    tier: 'exact',
    mathFidelity,
    fp32DestAcc,
    packerL1Acc: false,
    in0BlockW: matrix.k,
    intermediateFormat: fp32DestAcc ? 'FP32' : 'BF16',
    outputFormat: 'BF16',
    bfp8PackDoubleRound: true,
  };
  const product = engine.matmul(row, 1, loaded, matmulOptions);
  engine.release(loaded);
  return product;
}
