// MLX affine quantisation: unsigned codes of 2 to 8 bits along the rows, a scale and a bias a group, bits and groups a layer.
// Source: mlx 0.32.4 `mx.dequantize` (affine) with scales and biases widened to float32; mlx-lm's `quantization` entry of config.json.
// MLX itself computes in the scales' dtype, mostly bfloat16, which rounds the values once more.
// Exactness: a float32 product and a float32 sum, rounded one after the other.
import type { CheckpointTensor, DecodedTensor } from '../checkpoint-tensor.ts';
import { unpackFields, wordsFor } from './bit-fields.ts';
import { finiteValues } from './finite-values.ts';
import { type FormatReader, notRead, type StoredWeights } from './format.ts';
import { readWords } from './packed-bytes.ts';
import { groupSizeOf, isSettings, isUnset, oneOf, type Settings, shown } from './settings.ts';
import { brokenTensor, findPart, readScales, requireForm, requirePart, type StoredPart } from './stored-parts.ts';

const BITS = [2, 3, 4, 5, 6, 8] as const;
const GROUP_SIZES: readonly number[] = [32, 64, 128];
const SCALE_DTYPES = ['F32', 'BF16', 'F16'] as const;

interface Affine {
  readonly bits: number;
  readonly groupSize: number;
}

/** Method `mlx`: the entry `quantization`, which names none. @throws InputError, UnsupportedError `QUANTISED_*`. */
export const readMlx: FormatReader = (weights) => {
  const { path, settings, stored, expected } = weights;
  const affineOf = layersOf(weights);
  const whole = affineIn(path, 'quantization', settings);
  const tensors = new Map<string, CheckpointTensor>(stored);
  let decoded = 0;
  let others = 0;
  for (const [name, shape] of expected) {
    const module = name.slice(0, -'.weight'.length);
    const codes = name.endsWith('.weight') ? findPart(stored, name) : undefined;
    if (codes === undefined) continue;
    const affine = affineOf(module);
    const isQuantised = stored.has(`${module}.scales`);
    if (affine === 'plain' ? isQuantised : !isQuantised && affine !== 'default') {
      const found = isQuantised ? `${module}.scales` : `no ${module}.scales`;
      throw brokenTensor(
        codes,
        'is stored in another way than config.json says',
        found,
        affine === 'plain' ? 'plain weights' : 'scales',
      );
    }
    if (!isQuantised) continue;
    const own = affine === 'default' || affine === 'plain' ? whole : affine;
    tensors.set(name, decodedMatrix(stored, codes, shape, own));
    for (const part of ['scales', 'biases']) tensors.delete(`${module}.${part}`);
    decoded++;
    if (own.bits !== whole.bits || own.groupSize !== whole.groupSize) others++;
  }
  if (decoded === 0)
    throw notRead(path, 'no weight has scales, as quantised ones of MLX have', 'no tensor named .scales', 'some');
  const mixed = others === 0 ? '' : `; ${others} of ${decoded} matrices otherwise`;
  return { tensors, encoding: `MLX affine, ${whole.bits} bits, groups of ${whole.groupSize}${mixed}`, notes: [] };
};

/** What the entry says about a module: `true` or nothing is the whole model's, `false` plain. */
function layersOf({ path, settings, expected }: StoredWeights): (module: string) => Affine | 'default' | 'plain' {
  const layers = new Map<string, Affine | 'default' | 'plain'>();
  for (const [key, value] of Object.entries(settings)) {
    if (['bits', 'group_size', 'mode', 'quant_method'].includes(key)) continue;
    if (expected.has(`${key}.weight`)) layers.set(key, layerEntry(path, key, value));
    else if (!isUnset(value))
      throw notRead(path, `quantization.${key} is not known`, shown(value), 'a module of the model');
  }
  return (module) => layers.get(module) ?? 'default';
}

function layerEntry(path: string, key: string, value: unknown): Affine | 'default' | 'plain' {
  if (value === false) return 'plain';
  if (value === true || value === null) return 'default';
  if (!isSettings(value))
    throw notRead(path, `quantization.${key} is not read`, shown(value), 'an object, true or false');
  const place = `quantization["${key}"]`;
  const other = Object.keys(value).find(
    (field) => !['bits', 'group_size', 'mode'].includes(field) && !isUnset(value[field]),
  );
  if (other !== undefined) throw notRead(path, `${place}.${other} is not known`, shown(value[other]), 'no such field');
  return affineIn(path, place, value);
}

function affineIn(path: string, place: string, settings: Settings): Affine {
  oneOf(path, place, settings, 'mode', ['affine'], 'affine');
  const bits = oneOf(path, place, settings, 'bits', BITS);
  const groupSize = groupSizeOf(path, place, settings);
  if (!GROUP_SIZES.includes(groupSize)) {
    throw notRead(path, `${place}.group_size is not read`, `${groupSize}`, GROUP_SIZES.join(', '));
  }
  return { bits, groupSize };
}

function decodedMatrix(
  stored: StoredWeights['stored'],
  codes: StoredPart,
  shape: readonly number[],
  { bits, groupSize }: Affine,
): DecodedTensor {
  const [rows, columns] = shape;
  if (rows === undefined || columns === undefined)
    throw brokenTensor(codes, 'is a vector', codes.dtype, 'BF16, F16 or F32');
  if (columns % groupSize !== 0) {
    throw brokenTensor(codes, 'has rows that are no whole groups', `${columns} columns`, `a multiple of ${groupSize}`);
  }
  const groups = columns / groupSize;
  const rowWords = wordsFor(columns, bits);
  requireForm(codes, ['U32'], [rows, rowWords]);
  const module = codes.name.slice(0, -'.weight'.length);
  const scales = requireForm(requirePart(stored, `${module}.scales`, codes), SCALE_DTYPES, [rows, groups]);
  const biases = requireForm(requirePart(stored, `${module}.biases`, codes), SCALE_DTYPES, [rows, groups]);
  return {
    kind: 'decoded',
    shape: [rows, columns],
    format: `MLX ${bits} bit g${groupSize}`,
    file: codes.file,
    lengthBytes: codes.lengthBytes + scales.lengthBytes + biases.lengthBytes,
    decodeRows(firstRow, out) {
      const count = out.length / columns;
      const words = readWords(codes, firstRow * rowWords, count * rowWords);
      const factors = readScales(scales, firstRow * groups, count * groups);
      const offsets = finiteValues(biases, firstRow * groups, count * groups);
      const row = new Uint8Array(columns);
      for (let at = 0; at < count; at++) {
        unpackFields(words, at * rowWords, bits, row);
        affineRow(row, groupSize, factors, offsets, at * groups, out.subarray(at * columns, (at + 1) * columns));
      }
    },
  };
}

function affineRow(
  codes: Uint8Array,
  groupSize: number,
  scales: Float32Array,
  biases: Float32Array,
  firstGroup: number,
  values: Float32Array,
): void {
  for (let column = 0, group = firstGroup; column < values.length; group++) {
    const scale = scales[group]!;
    const bias = biases[group]!;
    for (const end = column + groupSize; column < end; column++) {
      values[column] = Math.fround(codes[column]! * scale) + bias;
    }
  }
}
