// Checks whole operations recorded from ttnn 0.81.1: RMSNorm, softmax, rotary embedding and flash decode.
// Source: fixtures/vectors/ttnn-0.81.1/README.md; every argument is in the file's config.
import { TILE_SIDE } from '../../../tensor/tile-layout.ts';
import { packMatrix } from '../../wormhole/host-packing.ts';
import { MATH_FIDELITIES, type MathFidelity, type MatmulEngine } from '../../wormhole/matmul-engine.ts';
import type { MultiplyOptions } from '../../wormhole/matrix-unit/eltwise-rows.ts';
import { attentionDecode2026 } from '../ops/attention-decode-2026.ts';
import { rmsNorm2026 } from '../ops/rms-norm-2026.ts';
import { rotate2026, rotateHalves } from '../ops/rotary-2026.ts';
import { softmax2026 } from '../ops/softmax-2026.ts';
import { type Comparison, compareValues, createComparison } from './comparison.ts';
import type { VectorFile } from './vector-file.ts';
import { readVectorTensors, type VectorTensors } from './vector-tensors.ts';

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

/** rms-norm-*: x [.., H] and w [H]. */
export function checkRmsNorm(file: VectorFile): Comparison {
  const tensors = readVectorTensors(file);
  const gamma = tensors.get('w').values;
  const options = { ...computeOptions(tensors), epsilon: tensors.configNumber('epsilon') };
  const actual = mapRows(tensors.get('x').values, gamma.length, (row) => rmsNorm2026(row, gamma, options));
  const comparison = createComparison('equal bits');
  compareValues(comparison, 'out', actual, tensors.get('out').values);
  return comparison;
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

/** sdpa-decode-*: q [.., heads, D] over one key/value head, on one core. */
export function checkAttention(file: VectorFile, engine: MatmulEngine): Comparison {
  const tensors = readVectorTensors(file);
  const query = tensors.get('q');
  const headDim = query.shape.at(-1)!;
  const cache = { keys: tensors.get('k_q').values, values: tensors.get('v_q').values };
  const options = {
    ...computeOptions(tensors),
    headDim,
    chunkLength: tensors.configNumber('k_chunk_size'),
    scale: tensors.configNumber('scale'),
    engine,
  };
  const position = tensors.configNumber('cur_pos');
  const actual = mapRows(query.values, headDim, (row) => attentionDecode2026(row, cache, position, options));
  const comparison = createComparison('equal bits');
  compareValues(comparison, 'out', actual, tensors.get('out').values);
  return comparison;
}
