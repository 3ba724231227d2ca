// Weights in 8-bit floats E4M3 with a scale a block, a matrix or a row: quant_method fp8 and fbgemm_fp8.
// Source: Transformers 5.24.0 `Fp8Dequantize` (blocks, also partial ones at the edges, which it refuses and DeepSeek's `weight_dequant`
// reads), vLLM's fp8 checkpoints (one scale a matrix), FBGEMM `dequantize_fp8_row` (one scale a row). "weight_scale_inv" is multiplied too.
// Exactness: one float32 product a value.
import { FP8_E4M3_VALUES } from '../../tensor/fp8.ts';
import type { CheckpointTensor, DecodedTensor } from '../checkpoint-tensor.ts';
import { readBytes } from '../safetensors.ts';
import { type DecodedWeights, type FormatReader, notRead, type StoredWeights } from './format.ts';
import { oneOf, refuseUnknown, type Settings, shown } from './settings.ts';
import { heldAgainstSkipped } from './skipped-modules.ts';
import { brokenTensor, findPart, readScales, requireForm, type StoredPart } from './stored-parts.ts';

/** Fields that are read, or that change no weight: `dequantize` and `fmt` say what a loader does, experts are not in a Qwen2. */
const FP8_KNOWN = [
  ...['quant_method', 'activation_scheme', 'weight_block_size', 'modules_to_not_convert', 'ignored_layers'],
  ...['modules_to_convert', 'dequantize', 'fmt', 'scale_fmt', 'expert_dtype'],
];
const FBGEMM_KNOWN = ['quant_method', 'activation_scale_ub', 'modules_to_not_convert'];

const NOT_EMULATED = 'activations are quantised too in this scheme, which is not emulated: only the weights are';

/** Tensors that scale activations. */
const ACTIVATION_PARTS = ['input_scale', 'activation_scale', 'input_scale_ub'];

/** Rows and columns that share a scale. */
interface Block {
  readonly rows: number;
  readonly columns: number;
}

/** quant_method `fp8`. @throws InputError, UnsupportedError `QUANTISED_*`. */
export const readFp8: FormatReader = (weights) => {
  const { path, settings } = weights;
  refuseUnknown(path, 'quantization_config', settings, FP8_KNOWN);
  const scheme = oneOf(path, 'quantization_config', settings, 'activation_scheme', ['dynamic', 'static'], 'dynamic');
  oneOf(path, 'quantization_config', settings, 'fmt', ['e4m3', 'float8_e4m3fn'], 'e4m3');
  oneOf(path, 'quantization_config', settings, 'scale_fmt', ['float', 'ue8m0'], 'float');
  const stated = statedBlock(path, settings);
  const skipKey = settings['modules_to_not_convert'] == null ? 'ignored_layers' : 'modules_to_not_convert';
  const blocks = stated === undefined ? 'one scale a matrix' : `blocks of ${stated.rows} x ${stated.columns}`;
  return decodeAll(weights, `fp8 E4M3, ${blocks}, ${scheme} activations`, skipKey, (scale, shape) =>
    blockOf(scale, shape, stated, settings['weight_block_size'] === undefined),
  );
};

/** quant_method `fbgemm_fp8`. @throws InputError, UnsupportedError `QUANTISED_*`. */
export const readFbgemmFp8: FormatReader = (weights) => {
  refuseUnknown(weights.path, 'quantization_config', weights.settings, FBGEMM_KNOWN);
  return decodeAll(
    weights,
    'fp8 E4M3 of FBGEMM, one scale a row',
    'modules_to_not_convert',
    (scale, [rows, columns]) => {
      requireForm(scale, ['F32', 'BF16', 'F16'], [rows, 1], [rows]);
      return { rows: 1, columns };
    },
  );
};

/** Of the config; null is one scale a matrix. Transformers takes 128 x 128 for an absent entry, vLLM one scale: the tensors say it. */
function statedBlock(path: string, settings: Settings): Block | undefined {
  const value = settings['weight_block_size'];
  if (value === undefined || value === null) return undefined;
  const isSide = (side: unknown): side is number => Number.isSafeInteger(side) && (side as number) > 0;
  if (Array.isArray(value) && value.length === 2 && isSide(value[0]) && isSide(value[1])) {
    return { rows: value[0], columns: value[1] };
  }
  throw notRead(
    path,
    'quantization_config.weight_block_size is not read',
    shown(value),
    'two positive integers, or null',
  );
}

type Sides = readonly [rows: number, columns: number];

function blockOf(scale: StoredPart, [rows, columns]: Sides, stated: Block | undefined, isAbsent: boolean): Block {
  const isScalar = scale.shape.every((side) => side === 1);
  const block = stated ?? (isAbsent && !isScalar ? { rows: 128, columns: 128 } : undefined);
  if (block === undefined) {
    requireForm(scale, ['F32', 'BF16', 'F16'], [], [1], [1, 1]);
    return { rows, columns };
  }
  requireForm(scale, ['F32', 'BF16', 'F16'], [Math.ceil(rows / block.rows), Math.ceil(columns / block.columns)]);
  return block;
}

function decodeAll(
  weights: StoredWeights,
  encoding: string,
  skipKey: string,
  chooseBlock: (scale: StoredPart, shape: Sides) => Block,
): DecodedWeights {
  const { path, stored, expected } = weights;
  const tensors = new Map<string, CheckpointTensor>(stored);
  const quantised: string[] = [];
  for (const [name, shape] of expected) {
    const codes = findPart(stored, name);
    if (codes === undefined) continue;
    if (codes.dtype === 'F8_E5M2')
      throw notRead(path, `${name} is stored as an 8-bit float of another kind`, 'F8_E5M2', 'F8_E4M3');
    if (codes.dtype !== 'F8_E4M3') continue;
    const [rows, columns] = shape;
    if (rows === undefined || columns === undefined)
      throw brokenTensor(codes, 'is a vector', codes.dtype, 'BF16, F16 or F32');
    requireForm(codes, ['F8_E4M3'], shape);
    const module = name.slice(0, -'.weight'.length);
    const scale = scaleOf(weights, module, codes);
    tensors.set(name, blockScaled(codes, scale, [rows, columns], chooseBlock(scale, [rows, columns])));
    tensors.delete(scale.name);
    for (const part of ACTIVATION_PARTS) tensors.delete(`${module}.${part}`);
    quantised.push(name);
  }
  if (quantised.length === 0) throw notRead(path, 'no weight is stored as F8_E4M3', dtypesOf(weights), 'F8_E4M3');
  return { tensors, encoding, notes: [NOT_EMULATED, ...heldAgainstSkipped(weights, skipKey, quantised)] };
}

function dtypesOf({ stored }: StoredWeights): string {
  return [...new Set([...stored.values()].map(({ dtype }) => dtype))].join(', ');
}

function scaleOf({ stored }: StoredWeights, module: string, codes: StoredPart): StoredPart {
  const found = ['weight_scale_inv', 'weight_scale'].flatMap((part) => findPart(stored, `${module}.${part}`) ?? []);
  if (found.length === 1) return found[0]!;
  const what = found.length === 0 ? 'has no scale' : 'has two scales';
  throw brokenTensor(
    codes,
    what,
    found.map(({ name }) => name).join(', ') || 'none',
    `${module}.weight_scale_inv or .weight_scale`,
  );
}

/** Set in `(code & 0x7f) + 1` by the two codes that are NaN. */
const NAN_BIT = 0x80;

function blockScaled(codes: StoredPart, scale: StoredPart, [rows, columns]: Sides, block: Block): DecodedTensor {
  const across = Math.ceil(columns / block.columns);
  return {
    kind: 'decoded',
    shape: [rows, columns],
    format: 'fp8 E4M3',
    file: codes.file,
    lengthBytes: codes.lengthBytes + scale.lengthBytes,
    decodeRows(firstRow, out) {
      const count = out.length / columns;
      const bytes = readBytes(codes.file, codes.offsetBytes + firstRow * columns, out.length);
      const firstBlock = Math.floor(firstRow / block.rows);
      const down = Math.floor((firstRow + count - 1) / block.rows) + 1 - firstBlock;
      const scales = readScales(scale, firstBlock * across, down * across);
      let flags = 0;
      for (let row = 0; row < count; row++) {
        const scaleRow = (Math.floor((firstRow + row) / block.rows) - firstBlock) * across;
        for (let at = 0; at < across; at++) {
          const factor = scales[scaleRow + at]!;
          const end = row * columns + Math.min((at + 1) * block.columns, columns);
          for (let i = row * columns + at * block.columns; i < end; i++) {
            const code = bytes[i]!;
            flags |= (code & 0x7f) + 1;
            out[i] = FP8_E4M3_VALUES[code]! * factor;
          }
        }
      }
      if ((flags & NAN_BIT) !== 0) throwNan(codes, bytes, firstRow * columns);
    },
  };
}

function throwNan(codes: StoredPart, bytes: Uint8Array, first: number): never {
  const at = bytes.findIndex((code) => (code & 0x7f) === 0x7f);
  throw brokenTensor(
    codes,
    'has a value that is no number',
    `code ${bytes[at]} at element ${first + at}`,
    'finite values',
  );
}
