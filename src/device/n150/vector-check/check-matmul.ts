// Checks recorded matmuls against an engine's exact tier: matmul-<fidelity>.bin of any K, and whole ttnn matmuls.
// Source: fixtures/vectors/README.md, n150-numerics B.6 and section I.
import { InputError } from '../../../errors.ts';
import { TILE_SIDE } from '../../../tensor/tile-layout.ts';
import { packMatrix } from '../../wormhole/host-packing.ts';
import {
  MATH_FIDELITIES,
  type MathFidelity,
  type MatmulEngine,
  type MatmulOptions,
  type OutputFormat,
  type PackedMatrix,
  type WeightFormat,
} from '../../wormhole/matmul-engine.ts';
import { linearOptions } from '../linear.ts';
import { type Comparison, compareValues, createComparison } from './comparison.ts';
import { recordedConfig } from './recorded-config.ts';
import { bf16Values, float32Values, readRecords, type VectorFile, wrongSize } from './vector-file.ts';
import { readVectorTensors } from './vector-tensors.ts';

const TILE_AREA = TILE_SIDE * TILE_SIDE;
const OUTPUT_BYTES = TILE_AREA * 2 + TILE_AREA * 4;
const BYTES_PER_K = 2 * TILE_SIDE * 2;

/** matmul-<fidelity>.bin: in0[32][K], in1[K][32], out16[32][32], out32[32][32]; K follows from the file's size. */
export function checkMatmulBinary(file: VectorFile, mathFidelity: MathFidelity, engine: MatmulEngine): Comparison {
  const { data } = readRecords(file, 2);
  const k = (data.byteLength - OUTPUT_BYTES) / BYTES_PER_K;
  if (!Number.isInteger(k) || k < TILE_SIDE || k % TILE_SIDE !== 0) {
    throw wrongSize(file, data.byteLength, `${BYTES_PER_K} * K + ${OUTPUT_BYTES} bytes, K a multiple of ${TILE_SIDE}`);
  }
  const in0 = bf16Values(data, 0, TILE_SIDE * k);
  const in1 = bf16Values(data, 2 * TILE_SIDE * k, k * TILE_SIDE);
  const outputStart = BYTES_PER_K * k;
  const golden16 = bf16Values(data, outputStart, TILE_AREA);
  const golden32 = float32Values(data, outputStart + 2 * TILE_AREA, TILE_AREA);

  const comparison = createComparison('equal bits');
  const weights = packMatrix(in1, k, TILE_SIDE, { format: 'BF16', rounding: 'nearestEven' });
  const options16 = linearOptions(recordedConfig({ fp32DestAcc: false, in0BlockW: 1 }), mathFidelity, 'BF16');
  compareValues(comparison, 'out16', runOnce(engine, in0, weights, options16), golden16);
  const oneBlock = recordedConfig({ fp32DestAcc: true, in0BlockW: k / TILE_SIDE });
  const actual32 = runOnce(engine, in0, weights, linearOptions(oneBlock, mathFidelity, 'FP32'));
  compareValues(comparison, 'out32', actual32, golden32);
  return comparison;
}

function runOnce(engine: MatmulEngine, in0: Float32Array, weights: PackedMatrix, options: MatmulOptions): Float32Array {
  const loaded = engine.load(weights);
  try {
    return engine.matmul(in0, in0.length / weights.k, loaded, options);
  } finally {
    engine.release(loaded);
  }
}

const OUTPUT_FORMATS: Readonly<Record<string, OutputFormat>> = { bf16: 'BF16', f32: 'FP32', bfp8: 'BFP8_B' };
const OUTPUT_NAME = /^out\.(\w+)\.fp32DestAcc=([01])\.packerL1Acc=([01])\.(\w+)$/;

/** matmul-bf16x<format>-<rows>x<K>x<N>.safetensors: every `out.…` of the file is one matmul. */
export function checkMatmulTensors(file: VectorFile, format: WeightFormat, engine: MatmulEngine): Comparison {
  const tensors = readVectorTensors(file);
  const in0 = tensors.get('in0');
  const in1 = tensors.get('in1');
  const [k = 0, n = 0] = in1.shape;
  const in0BlockW = Number(tensors.metadata['in0_block_w']);
  const weights = packMatrix(in1.values, k, n, { format, rounding: 'nearestEven' });
  const comparison = createComparison('equal bits');
  for (const name of tensors.names) {
    if (!name.startsWith('out')) continue;
    const options = optionsFromName(file, name, in0BlockW);
    compareValues(comparison, name, runOnce(engine, in0.values, weights, options), tensors.get(name).values);
  }
  return comparison;
}

function optionsFromName(file: VectorFile, name: string, in0BlockW: number): MatmulOptions {
  const [, fidelityText = '', fp32Text, l1Text, formatText = ''] = OUTPUT_NAME.exec(name) ?? [];
  const mathFidelity = MATH_FIDELITIES.find((fidelity) => fidelity === fidelityText);
  const outputFormat = OUTPUT_FORMATS[formatText];
  if (mathFidelity === undefined || outputFormat === undefined || !(in0BlockW >= 1)) {
    throw new InputError(`${file.name} holds a matmul that its names do not describe.`, {
      code: 'VECTOR_NAME',
      facts: {
        found: `tensor ${name}, metadata in0_block_w ${in0BlockW}`,
        wanted: 'out.<fidelity>.fp32DestAcc=<0|1>.packerL1Acc=<0|1>.<bf16|f32|bfp8> and in0_block_w of at least 1',
      },
      hint: 'see fixtures/vectors/ttnn-0.81.1/README.md',
    });
  }
  const fp32DestAcc = fp32Text === '1';
  const packerL1Acc = l1Text === '1';
  return linearOptions(recordedConfig({ fp32DestAcc, packerL1Acc, in0BlockW }), mathFidelity, outputFormat);
}
