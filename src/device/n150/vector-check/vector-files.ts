// The table of vector files: which names are known, under which rule each is judged, and by which checker.

import type { DeviceEngine } from '../../wormhole/attention-engine.ts';
import type { WeightFormat } from '../../wormhole/matmul-engine.ts';
import { checkAdd, checkEltwise, checkFillCache, checkTypecast, checkUpdateCache } from './check-eltwise.ts';
import { checkFunction, checkMulSilu, GRAPH_FUNCTIONS } from './check-functions.ts';
import { checkMatmulBinary, checkMatmulTensors } from './check-matmul.ts';
import { checkAttention, checkRmsNorm } from './check-operations.ts';
import { checkDevicePack, checkHostPack, checkUnpack } from './check-packing.ts';
import { checkSteps } from './check-steps.ts';
import type { Comparison } from './comparison.ts';
import { checkRotary, checkSoftmax, OUTSIDE_FUNCTIONS } from './outside-the-graph/check-outside.ts';
import type { VectorFile } from './vector-file.ts';

export type VectorChecker = (file: VectorFile, engine: DeviceEngine) => Comparison;

/**
 * What a file is evidence about. graph: the function that the N150 model runs. outside the graph: an operation that the model does
 * not have; only what it is made of is the model's.
 */
export type VectorSubject = 'graph' | 'outside the graph';

export interface KnownVectorFile {
  readonly name: string;
  readonly subject: VectorSubject;
  readonly check: VectorChecker;
}

const FIDELITY_OF_STEM = { lofi: 'LoFi', hifi2: 'HiFi2', hifi3: 'HiFi3', hifi4: 'HiFi4' } as const;

/** Raw records, as in fixtures/vectors/. */
const BINARY_FILES: readonly KnownVectorFile[] = [
  { name: 'fpu-steps.bin', subject: 'graph', check: checkSteps },
  ...Object.entries(FIDELITY_OF_STEM).map(
    ([stem, fidelity]): KnownVectorFile => ({
      name: `matmul-${stem}.bin`,
      subject: 'graph',
      check: (file, engine) => checkMatmulBinary(file, fidelity, engine),
    }),
  ),
  { name: 'bfp8-pack.bin', subject: 'graph', check: checkDevicePack },
  { name: 'bfp8-unpack.bin', subject: 'graph', check: checkUnpack },
  { name: 'host-pack-bfp8.bin', subject: 'graph', check: (file) => checkHostPack(file, 'BFP8_B') },
  { name: 'host-pack-bfp4.bin', subject: 'graph', check: (file) => checkHostPack(file, 'BFP4_B') },
];

const STORAGE_FORMATS = ['bf16', 'bfp8'] as const;
const KV_FORMATS = { bf16: 'BF16', bfp8: 'BFP8_B' } as const;

const WEIGHT_FORMATS: Readonly<Record<string, WeightFormat>> = { bfp8: 'BFP8_B', bfp4: 'BFP4_B', bf16: 'BF16' };
const MATMUL_NAME = /^matmul-bf16x(bfp8|bfp4|bf16)-\d+x\d+x\d+\.safetensors$/;

/** A recorded ttnn matmul of any shape; the shape is read from the tensors. */
function matmulByName(name: string): KnownVectorFile | undefined {
  const format = WEIGHT_FORMATS[MATMUL_NAME.exec(name)?.[1] ?? ''];
  return format && { name, subject: 'graph', check: (file, engine) => checkMatmulTensors(file, format, engine) };
}

/** Whole operations of the decode graph, as in fixtures/vectors/ttnn-0.81.1/. */
const GRAPH_FILES: readonly KnownVectorFile[] = [
  ...['bf16xbfp4-32x256x64', 'bf16xbfp8-32x2048x32', 'bf16xbfp8-32x256x64'].map(
    (stem) => matmulByName(`matmul-${stem}.safetensors`)!,
  ),
  ...(['add', 'sub', 'mul'] as const).map(
    (op): KnownVectorFile => ({
      name: `eltwise-${op}.safetensors`,
      subject: 'graph',
      check: (file) => checkEltwise(file, op),
    }),
  ),
  ...STORAGE_FORMATS.flatMap((input) =>
    STORAGE_FORMATS.flatMap((output): KnownVectorFile[] => [
      { name: `add-bf16-${input}-out${output}.safetensors`, subject: 'graph', check: (file) => checkAdd(file, output) },
      {
        name: `mul-silu-in${input}-out${output}.safetensors`,
        subject: 'graph',
        check: (file) => checkMulSilu(file, input, output),
      },
    ]),
  ),
  { name: 'typecast-bf16-bfp8.safetensors', subject: 'graph', check: (file) => checkTypecast(file, 'BFP8_B') },
  { name: 'typecast-bf16-bfp4.safetensors', subject: 'graph', check: (file) => checkTypecast(file, 'BFP4_B') },
  ...STORAGE_FORMATS.flatMap((format): KnownVectorFile[] => [
    {
      name: `kv-fill-cache-${format}.safetensors`,
      subject: 'graph',
      check: (file) => checkFillCache(file, KV_FORMATS[format]),
    },
    {
      name: `kv-update-cache-${format}.safetensors`,
      subject: 'graph',
      check: (file) => checkUpdateCache(file, KV_FORMATS[format]),
    },
    {
      name: `paged-update-cache-${format}.safetensors`,
      subject: 'graph',
      check: (file) => checkUpdateCache(file, KV_FORMATS[format]),
    },
  ]),
  ...Object.entries(GRAPH_FUNCTIONS).map(
    ([stem, stored]): KnownVectorFile => ({
      name: `${stem}.safetensors`,
      subject: 'graph',
      check: (file) => checkFunction(file, stored),
    }),
  ),
  ...[
    'HiFi2-fp32acc0-l1acc0',
    'HiFi2-fp32acc1-l1acc1',
    'HiFi2-fp32acc1-l1acc1-576',
    'HiFi4-fp32acc0-l1acc0',
    'HiFi4-fp32acc1-l1acc1',
  ].map(
    (stem): KnownVectorFile => ({
      name: `rms-norm-bf16-${stem}.safetensors`,
      subject: 'graph',
      check: checkRmsNorm,
    }),
  ),
  ...STORAGE_FORMATS.flatMap((cache) =>
    ['HiFi2-fp32acc0', 'HiFi4-fp32acc1'].map(
      (stem): KnownVectorFile => ({
        name: `sdpa-decode-q-bf16-kv-${cache}-${stem}.safetensors`,
        subject: 'graph',
        check: (file, engine) => checkAttention(file, KV_FORMATS[cache], engine),
      }),
    ),
  ),
];

/** Whole operations and functions that the decode graph has no use for. */
const OUTSIDE_FILES: readonly KnownVectorFile[] = [
  ...Object.entries(OUTSIDE_FUNCTIONS).map(([stem, stored]) => ({
    name: stem,
    check: (file: VectorFile) => checkFunction(file, stored),
  })),
  ...['stable0-fp32acc0', 'stable0-fp32acc1', 'stable1-fp32acc0', 'stable1-fp32acc1'].map((stem) => ({
    name: `softmax-bf16-${stem}`,
    check: checkSoftmax,
  })),
  ...[
    '-bf16',
    '-llama-bf16-HiFi2-fp32acc0',
    '-llama-bf16-HiFi4-fp32acc0',
    '-llama-bf16-HiFi4-fp32acc1',
    '-llama-decode-bf16-HiFi2-fp32acc0',
    '-llama-decode-bf16-HiFi4-fp32acc1',
  ].map((stem) => ({ name: `rotary-embedding${stem}`, check: checkRotary })),
].map(({ name, check }) => ({ name: `${name}.safetensors`, subject: 'outside the graph', check }));

/** Files that every folder of vectors is expected to hold; those it does not are named as absent. */
export const KNOWN_VECTOR_FILES: readonly KnownVectorFile[] = [...BINARY_FILES, ...GRAPH_FILES, ...OUTSIDE_FILES];

/** The checker for a file name, shapes other than the expected ones included; undefined for a foreign file. */
export function vectorFileByName(name: string): KnownVectorFile | undefined {
  return KNOWN_VECTOR_FILES.find((known) => known.name === name) ?? matmulByName(name);
}
