// Checks whole operations recorded from ttnn 0.81.1 with the functions that the decode graph runs: RMSNorm and flash decode.
// Source: fixtures/vectors/ttnn-0.81.1/README.md; every argument is in the file's config.
import { InputError } from '../../../errors.ts';
import type { DeviceEngine } from '../../wormhole/attention-engine.ts';
import { createVectorUnit } from '../../wormhole/sfpu/vector-unit.ts';
import { attentionKnobs } from '../attention-knobs.ts';
import { layerNormSplit } from '../chip.ts';
import { createPlainAttention } from '../ops/plain-attention.ts';
import { createRmsNorm } from '../ops/rms-norm.ts';
import { type Comparison, compareValues, createComparison } from './comparison.ts';
import { recordedConfig, recordedFidelity } from './recorded-config.ts';
import type { VectorFile } from './vector-file.ts';
import { readVectorTensors } from './vector-tensors.ts';

/** rms-norm-*: x [.., H] and w [H]. */
export function checkRmsNorm(file: VectorFile): Comparison {
  const tensors = readVectorTensors(file);
  const gamma = tensors.get('w').values;
  const width = gamma.length;
  const config = recordedConfig({
    normFidelity: recordedFidelity(file, tensors),
    normFp32DestAcc: tensors.config['fp32_dest_acc_en'] === true,
    rmsEps: tensors.configNumber('epsilon'),
  });
  const normalise = createRmsNorm(width, layerNormSplit(width, config.gridRows), config, createVectorUnit(config));
  const rows = tensors.get('x').values;
  const actual = new Float32Array(rows.length);
  for (let start = 0; start < rows.length; start += width) {
    normalise(rows, start, gamma, actual.subarray(start, start + width));
  }
  const comparison = createComparison('equal bits');
  compareValues(comparison, 'out', actual, tensors.get('out').values);
  return comparison;
}

/** sdpa-decode-*: q [.., heads, D] over the cache k_q, v_q [1, key/value heads, positions, D]; a core for each of these. */
export function checkAttention(file: VectorFile, kvFormat: 'BF16' | 'BFP8_B', engine: DeviceEngine): Comparison {
  const tensors = readVectorTensors(file);
  const query = tensors.get('q');
  const keys = tensors.get('k_q');
  const headDim = query.shape.at(-1)!;
  const [, keyValueHeads = 1, positions = 0] = keys.shape;
  requireUsualScale(file, tensors.configNumber('scale'), headDim);
  const config = recordedConfig({
    kvFormat,
    sdpaFidelity: recordedFidelity(file, tensors),
    sdpaFp32DestAcc: tensors.config['fp32_dest_acc_en'] === true,
    sdpaChunk: tensors.configNumber('k_chunk_size'),
  });
  const shape = { queryHeads: query.values.length / headDim, keyValueHeads, headDim };
  const knobs = attentionKnobs(shape, config);
  const attention = engine.openAttention?.(shape, knobs) ?? createPlainAttention(shape, knobs);
  const position = tensors.configNumber('cur_pos');
  for (let p = 0; p <= position; p++) {
    const [key, value] = [keys, tensors.get('v_q')].map(({ values }) => ofPosition(values, p, positions, headDim));
    attention.write(p, key!, 0, value!, 0);
  }
  const actual = attention.attend(query.values, query.values.length, 1, position);
  attention.release();
  const comparison = createComparison('equal bits');
  compareValues(comparison, 'out', actual, tensors.get('out').values);
  return comparison;
}

/** [heads * D] of one position of a cache [heads, positions, D]. */
function ofPosition(cache: Float32Array, position: number, positions: number, headDim: number): Float32Array {
  const heads = cache.length / (positions * headDim);
  const row = new Float32Array(heads * headDim);
  for (let head = 0; head < heads; head++) {
    const start = (head * positions + position) * headDim;
    row.set(cache.subarray(start, start + headDim), head * headDim);
  }
  return row;
}

/** The graph derives its scale from the head dimension. */
function requireUsualScale(file: VectorFile, scale: number, headDim: number): void {
  if (Math.fround(scale) === Math.fround(1 / Math.sqrt(headDim))) return;
  throw new InputError(`${file.name} has a scale that Qwen2's attention does not have.`, {
    code: 'VECTOR_CONFIG',
    facts: { found: scale, wanted: `1 / sqrt(${headDim})` },
    hint: 'record attention with the scale of the head dimension',
  });
}
