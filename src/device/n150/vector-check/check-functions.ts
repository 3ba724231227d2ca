// Checks the vector unit's functions as ttnn 0.81.1 runs them, alone and as SiLU fused into a multiplication.
// Source: fixtures/vectors/ttnn-0.81.1/README.md, n150-numerics section I.
import { roundToBf16TiesEven } from '../../../numerics/bf16.ts';
import { mulRows, mulRowsNearestEven } from '../../wormhole/matrix-unit/eltwise-rows.ts';
import { packRowsToBlockFloat } from '../../wormhole/packer.ts';
import { exp2026 } from '../../wormhole/sfpu/exp-2026.ts';
import { expExact } from '../../wormhole/sfpu/exp-exact.ts';
import { expFast } from '../../wormhole/sfpu/exp-fast.ts';
import { reciprocal2026 } from '../../wormhole/sfpu/reciprocal-2026.ts';
import { sigmoid2026, silu2026 } from '../../wormhole/sfpu/sigmoid-2026.ts';
import { type Comparison, compareValues, createComparison } from './comparison.ts';
import type { VectorFile } from './vector-file.ts';
import { readVectorTensors } from './vector-tensors.ts';

/** Functions by the stem of their file; each takes a float32 and gives what the op stores. */
export const VECTOR_FUNCTIONS: Readonly<Record<string, (x: number) => number>> = {
  'exp-bf16': (x) => roundToBf16TiesEven(exp2026(x)),
  'exp-approx-bf16': expFast,
  'exp-f32': (x) => Math.fround(expExact(x)),
  'sigmoid-bf16': (x) => roundToBf16TiesEven(sigmoid2026(x)),
  'silu-bf16': (x) => roundToBf16TiesEven(silu2026(x)),
  'reciprocal-bf16': (x) => roundToBf16TiesEven(reciprocal2026(x, 2)),
  'sqrt-bf16': (x) => roundToBf16TiesEven(Math.sqrt(x)),
  'rsqrt-bf16': (x) => roundToBf16TiesEven(Math.fround(1 / Math.sqrt(x))),
};

/** <function>.safetensors: x to out, element by element. */
export function checkFunction(file: VectorFile, stem: string): Comparison {
  const tensors = readVectorTensors(file);
  const comparison = createComparison('within one bf16 unit');
  const actual = tensors.get('x').values.map(VECTOR_FUNCTIONS[stem]!);
  compareValues(comparison, 'out', actual, tensors.get('out').values);
  return comparison;
}

/**
 * mul-silu-in<format>-out<format>.safetensors: SiLU goes through a buffer of the input's format. BFP8_B inputs are
 * then multiplied on the matrix unit (HiFi4, 16-bit Dst), BF16 ones on the vector unit.
 */
export function checkMulSilu(file: VectorFile, input: 'bf16' | 'bfp8', output: 'bf16' | 'bfp8'): Comparison {
  const tensors = readVectorTensors(file);
  const activated = tensors.get('a_q').values.map(VECTOR_FUNCTIONS['silu-bf16']!);
  const b = tensors.get('b_q').values;
  let product: Float32Array;
  if (input === 'bfp8') {
    packRowsToBlockFloat(activated, { format: 'BFP8_B', doubleRound: true });
    product = mulRows(activated, b, { fp32DestAcc: false, mathFidelity: 'HiFi4' });
  } else {
    product = mulRowsNearestEven(activated, b);
  }
  if (output === 'bfp8') packRowsToBlockFloat(product, { format: 'BFP8_B', doubleRound: true });
  const comparison = createComparison('equal bits');
  compareValues(comparison, 'out', product, tensors.get('out').values);
  return comparison;
}
