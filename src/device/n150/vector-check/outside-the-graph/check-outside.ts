// Checks recorded operations and functions that the decode graph does not have: what they prove is their parts.
// Source: fixtures/vectors/ttnn-0.81.1/README.md; every argument is in the file's config.
import { roundToBf16TiesEven } from '../../../../numerics/bf16.ts';
import { TILE_SIDE } from '../../../../tensor/tile-layout.ts';
import { packMatrix } from '../../../wormhole/host-packing.ts';
import { MATH_FIDELITIES, type MathFidelity, type MatmulEngine } from '../../../wormhole/matmul-engine.ts';
import type { MultiplyOptions } from '../../../wormhole/matrix-unit/eltwise-rows.ts';
import { exp2026 } from '../../../wormhole/sfpu/exp-2026.ts';
import { expExact } from '../../../wormhole/sfpu/exp-exact.ts';
import { type Comparison, compareValues, createComparison } from '../comparison.ts';
import type { VectorFile } from '../vector-file.ts';
import { readVectorTensors, type VectorTensors } from '../vector-tensors.ts';
import { rotate2026, rotateHalves } from './rotary-embedding.ts';
import { softmax2026 } from './softmax.ts';

/** Functions by the stem of their file; each takes a float32 and gives what the op stores. */
export const OUTSIDE_FUNCTIONS: Readonly<Record<string, (x: number) => number>> = {
  'exp-bf16': (x) => roundToBf16TiesEven(exp2026(x)),
  'exp-f32': (x) => Math.fround(expExact(x)),
  'sqrt-bf16': (x) => roundToBf16TiesEven(Math.sqrt(x)),
};

/** rotary_embedding takes no compute config: its kernel's own setting. */
const DEFAULT_FIDELITY: MathFidelity = 'HiFi4';

function computeOptions({ config }: VectorTensors): MultiplyOptions {
  const mathFidelity = MATH_FIDELITIES.find((fidelity) => fidelity === config['math_fidelity']);
  return { mathFidelity: mathFidelity ?? DEFAULT_FIDELITY, fp32DestAcc: config['fp32_dest_acc_en'] === true };
}

/** Applies `operate` to every row of `values`; rows are [width]. */
function mapRows(
  values: Float32Array,
  width: number,
  operate: (row: Float32Array, index: number) => Float32Array,
): Float32Array {
  const result = new Float32Array(values.length);
  for (let start = 0; start < values.length; start += width) {
    result.set(operate(values.subarray(start, start + width), start / width), start);
  }
  return result;
}

/** softmax-*: x [.., W], along W. */
export function checkSoftmax(file: VectorFile): Comparison {
  const tensors = readVectorTensors(file);
  const { values, shape } = tensors.get('x');
  const options = { ...computeOptions(tensors), isStable: tensors.config['numeric_stable'] === true };
  const actual = mapRows(values, shape.at(-1)!, (row) => softmax2026(row, options));
  const comparison = createComparison('equal bits');
  compareValues(comparison, 'out', actual, tensors.get('out').values);
  return comparison;
}

/** rotary-embedding*: x [.., S, D] with cos and sin [S, D] for every head; `trans_mat` is there in the llama variants. */
export function checkRotary(file: VectorFile, engine: MatmulEngine): Comparison {
  const tensors = readVectorTensors(file);
  const x = tensors.get('x');
  const cosines = tensors.get('cos').values;
  const sines = tensors.get('sin').values;
  const headDim = x.shape.at(-1)!;
  const positions = cosines.length / headDim;
  const options = computeOptions(tensors);
  const rotated = tensors.names.includes('trans_mat')
    ? rotateByMatmul(x.values, tensors.get('trans_mat').values, options, engine)
    : mapRows(x.values, headDim, rotateHalves);
  const actual = mapRows(x.values, headDim, (row, index) => {
    const start = (index % positions) * headDim;
    const end = start + headDim;
    const partner = rotated.subarray(index * headDim, (index + 1) * headDim);
    return rotate2026(row, partner, cosines.subarray(start, end), sines.subarray(start, end), options);
  });
  const comparison = createComparison('equal bits');
  compareValues(comparison, 'out', actual, tensors.get('out').values);
  return comparison;
}

/** Every 32 neighbours times the 32x32 matrix. */
function rotateByMatmul(
  values: Float32Array,
  matrix: Float32Array,
  options: MultiplyOptions,
  engine: MatmulEngine,
): Float32Array {
  const loaded = engine.load(packMatrix(matrix, TILE_SIDE, TILE_SIDE, { format: 'BF16', rounding: 'nearestEven' }));
  const rotated = engine.matmul(values, values.length / TILE_SIDE, loaded, {
    ...options,
    tier: 'exact',
    packerL1Acc: false,
    in0BlockW: 1,
    intermediateFormat: options.fp32DestAcc ? 'FP32' : 'BF16',
    outputFormat: 'BF16',
    bfp8PackDoubleRound: true,
  });
  engine.release(loaded);
  return rotated;
}
