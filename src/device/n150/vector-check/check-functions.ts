// Checks the vector unit's functions of the decode graph against ttnn 0.81.1, alone and as SiLU fused into a multiplication.
// Source: fixtures/vectors/ttnn-0.81.1/README.md, n150-numerics section I.
import { roundToBf16TiesEven } from '../../../numerics/bf16.ts';
import { packRowsToBlockFloat } from '../../wormhole/packer.ts';
import { createAttentionExponentials } from '../../wormhole/sfpu/attention-exponentials.ts';
import { sigmoid2026 } from '../../wormhole/sfpu/sigmoid-2026.ts';
import { createVectorUnit, reciprocalRootExact } from '../../wormhole/sfpu/vector-unit.ts';
import { createMultiply, multiplyOnVectorUnit } from '../ops/eltwise.ts';
import { type Comparison, compareValues, createComparison } from './comparison.ts';
import { recordedConfig } from './recorded-config.ts';
import type { VectorFile } from './vector-file.ts';
import { readVectorTensors } from './vector-tensors.ts';

type StoredFunction = (x: number) => number;

const CONFIG = recordedConfig();
const { silu, reciprocal } = createVectorUnit(CONFIG);

/** Functions of the graph by the stem of their file; each takes a float32 and gives what the op stores. */
export const GRAPH_FUNCTIONS: Readonly<Record<string, StoredFunction>> = {
  'exp-approx-bf16': createAttentionExponentials({ ...CONFIG, sdpaExp: 'fastApprox' }, 1).weight,
  // Inside SiLU.
  'sigmoid-bf16': (x) => roundToBf16TiesEven(sigmoid2026(x)),
  'silu-bf16': silu,
  'reciprocal-bf16': reciprocal,
  // RMSNorm keeps it in float32.
  'rsqrt-bf16': (x) => roundToBf16TiesEven(reciprocalRootExact(x)),
};

/** <function>.safetensors: x to out, element by element. */
export function checkFunction(file: VectorFile, stored: StoredFunction): Comparison {
  const tensors = readVectorTensors(file);
  const comparison = createComparison('within one bf16 unit');
  const actual = tensors.get('x').values.map(stored);
  compareValues(comparison, 'out', actual, tensors.get('out').values);
  return comparison;
}

/**
 * mul-silu-in<format>-out<format>.safetensors: SiLU goes through a buffer of the input's format. BFP8_B inputs are
 * then multiplied on the matrix unit (HiFi4, 16-bit Dst), BF16 ones on the vector unit.
 */
export function checkMulSilu(file: VectorFile, input: 'bf16' | 'bfp8', output: 'bf16' | 'bfp8'): Comparison {
  const tensors = readVectorTensors(file);
  const activated = tensors.get('a_q').values.map(silu);
  const b = tensors.get('b_q').values;
  if (input === 'bfp8') packRowsToBlockFloat(activated, { format: 'BFP8_B', doubleRound: true });
  const multiply = input === 'bfp8' ? createMultiply(CONFIG, 'HiFi4') : multiplyOnVectorUnit;
  const product = activated.map((value, i) => multiply(value, b[i]!));
  if (output === 'bfp8') packRowsToBlockFloat(product, { format: 'BFP8_B', doubleRound: true });
  const comparison = createComparison('equal bits');
  compareValues(comparison, 'out', product, tensors.get('out').values);
  return comparison;
}
