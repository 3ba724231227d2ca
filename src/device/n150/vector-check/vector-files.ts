// The table of vector files: which names are known, under which rule each is judged, and by which checker.
import type { MatmulEngine, WeightFormat } from '../../wormhole/matmul-engine.ts';
import { checkAdd, checkEltwise, checkFillCache, checkTypecast, checkUpdateCache } from './check-eltwise.ts';
import { checkFunction, checkMulSilu, VECTOR_FUNCTIONS } from './check-functions.ts';
import { checkMatmulBinary, checkMatmulTensors } from './check-matmul.ts';
import { checkAttention, checkRmsNorm, checkRotary, checkSoftmax } from './check-operations.ts';
import { checkDevicePack, checkHostPack, checkUnpack } from './check-packing.ts';
import { checkSteps } from './check-steps.ts';
import type { Comparison } from './comparison.ts';
import type { VectorFile } from './vector-file.ts';

export type VectorChecker = (file: VectorFile, engine: MatmulEngine) => Comparison;

export interface KnownVectorFile {
  readonly name: string;
  readonly check: VectorChecker;
}

const FIDELITY_OF_STEM = { lofi: 'LoFi', hifi2: 'HiFi2', hifi3: 'HiFi3', hifi4: 'HiFi4' } as const;

/** Raw records, as in fixtures/vectors/. */
const BINARY_FILES: readonly KnownVectorFile[] = [
  { name: 'fpu-steps.bin', check: checkSteps },
  ...Object.entries(FIDELITY_OF_STEM).map(
    ([stem, fidelity]): KnownVectorFile => ({
      name: `matmul-${stem}.bin`,
      check: (file, engine) => checkMatmulBinary(file, fidelity, engine),
    }),
  ),
  { name: 'bfp8-pack.bin', check: checkDevicePack },
  { name: 'bfp8-unpack.bin', check: checkUnpack },
  { name: 'host-pack-bfp8.bin', check: (file) => checkHostPack(file, 'BFP8_B') },
  { name: 'host-pack-bfp4.bin', check: (file) => checkHostPack(file, 'BFP4_B') },
];

const STORAGE_FORMATS = ['bf16', 'bfp8'] as const;

const WEIGHT_FORMATS: Readonly<Record<string, WeightFormat>> = { bfp8: 'BFP8_B', bfp4: 'BFP4_B', bf16: 'BF16' };
const MATMUL_NAME = /^matmul-bf16x(bfp8|bfp4|bf16)-\d+x\d+x\d+\.safetensors$/;

/** A recorded ttnn matmul of any shape; the shape is read from the tensors. */
function matmulByName(name: string): KnownVectorFile | undefined {
  const format = WEIGHT_FORMATS[MATMUL_NAME.exec(name)?.[1] ?? ''];
  return format && { name, check: (file, engine) => checkMatmulTensors(file, format, engine) };
}

/** Whole operations, as in fixtures/vectors/ttnn-0.81.1/. */
const TENSOR_FILES: readonly KnownVectorFile[] = [
  ...['bf16xbfp4-32x256x64', 'bf16xbfp8-32x2048x32', 'bf16xbfp8-32x256x64'].map(
    (stem) => matmulByName(`matmul-${stem}.safetensors`)!,
  ),
  ...(['add', 'sub', 'mul'] as const).map(
    (op): KnownVectorFile => ({ name: `eltwise-${op}.safetensors`, check: (file) => checkEltwise(file, op) }),
  ),
  ...STORAGE_FORMATS.flatMap((input) =>
    STORAGE_FORMATS.flatMap((output): KnownVectorFile[] => [
      { name: `add-bf16-${input}-out${output}.safetensors`, check: (file) => checkAdd(file, output) },
      { name: `mul-silu-in${input}-out${output}.safetensors`, check: (file) => checkMulSilu(file, input, output) },
    ]),
  ),
  { name: 'typecast-bf16-bfp8.safetensors', check: (file) => checkTypecast(file, 'BFP8_B') },
  { name: 'typecast-bf16-bfp4.safetensors', check: (file) => checkTypecast(file, 'BFP4_B') },
  ...STORAGE_FORMATS.flatMap((format): KnownVectorFile[] => [
    { name: `kv-fill-cache-${format}.safetensors`, check: (file) => checkFillCache(file, format) },
    { name: `kv-update-cache-${format}.safetensors`, check: (file) => checkUpdateCache(file, format) },
    { name: `paged-update-cache-${format}.safetensors`, check: (file) => checkUpdateCache(file, format) },
  ]),
  ...Object.keys(VECTOR_FUNCTIONS).map(
    (stem): KnownVectorFile => ({ name: `${stem}.safetensors`, check: (file) => checkFunction(file, stem) }),
  ),
  ...[
    'HiFi2-fp32acc0-l1acc0',
    'HiFi2-fp32acc1-l1acc1',
    'HiFi2-fp32acc1-l1acc1-576',
    'HiFi4-fp32acc0-l1acc0',
    'HiFi4-fp32acc1-l1acc1',
  ].map((stem): KnownVectorFile => ({ name: `rms-norm-bf16-${stem}.safetensors`, check: checkRmsNorm })),
  ...['stable0-fp32acc0', 'stable0-fp32acc1', 'stable1-fp32acc0', 'stable1-fp32acc1'].map(
    (stem): KnownVectorFile => ({ name: `softmax-bf16-${stem}.safetensors`, check: checkSoftmax }),
  ),
  ...[
    '-bf16',
    '-llama-bf16-HiFi2-fp32acc0',
    '-llama-bf16-HiFi4-fp32acc0',
    '-llama-bf16-HiFi4-fp32acc1',
    '-llama-decode-bf16-HiFi2-fp32acc0',
    '-llama-decode-bf16-HiFi4-fp32acc1',
  ].map((stem): KnownVectorFile => ({ name: `rotary-embedding${stem}.safetensors`, check: checkRotary })),
  ...STORAGE_FORMATS.flatMap((cache) =>
    ['HiFi2-fp32acc0', 'HiFi4-fp32acc1'].map(
      (stem): KnownVectorFile => ({
        name: `sdpa-decode-q-bf16-kv-${cache}-${stem}.safetensors`,
        check: checkAttention,
      }),
    ),
  ),
];

/** Files that every folder of vectors is expected to hold; those it does not are named as absent. */
export const KNOWN_VECTOR_FILES: readonly KnownVectorFile[] = [...BINARY_FILES, ...TENSOR_FILES];

/** The checker for a file name, shapes other than the expected ones included; undefined for a foreign file. */
export function vectorFileByName(name: string): KnownVectorFile | undefined {
  return KNOWN_VECTOR_FILES.find((known) => known.name === name) ?? matmulByName(name);
}
