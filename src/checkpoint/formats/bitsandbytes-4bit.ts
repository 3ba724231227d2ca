// The 4-bit codes of bitsandbytes: a table of sixteen values times the absolute maximum of a block, which may be quantised itself.
// Source: bitsandbytes 0.50.2 `dequantize_4bit` with a quant_state whose dtype is float32 (its own dtype, mostly bfloat16, would round
// the result), `dequantize_blockwise` (maxima), `_get_4bit_code` (tables). The library's AVX-512 kernel gives wrong values where a row is no
// whole number of blocks; its portable `_dequantize_4bit_compute` is right, and what is read here.
// Exactness: one float32 product a value; a quantised maximum is a float32 product and a float32 sum.
import type { DecodedTensor } from '../checkpoint-tensor.ts';
import { readBytes } from '../safetensors.ts';
import { type FourBitState, readFourBitState, STATE_PARTS } from './bitsandbytes-state.ts';
import { finiteValues, requireFinite } from './finite-values.ts';
import { notRead, type StoredWeights } from './format.ts';
import { brokenTensor, findPart, requireForm, requirePart, type StoredPart } from './stored-parts.ts';

/** Of one weight, beside its codes. */
export const FOUR_BIT_PARTS: readonly string[] = [
  ...['absmax', 'quant_map', 'nested_absmax', 'nested_quant_map'],
  ...Object.values(STATE_PARTS),
];

/** Codes to values, as the library computes with them; the map in the file is held against it. */
const TABLES = {
  nf4: Float32Array.of(
    ...[-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334],
    ...[-0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224],
    ...[0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1],
  ),
  fp4: Float32Array.of(
    ...[0, 0.0052083334885537624, 0.6666666865348816, 1, 0.3333333432674408, 0.5, 0.1666666716337204, 0.25],
    ...[0, -0.0052083334885537624, -0.6666666865348816, -1, -0.3333333432674408, -0.5, -0.1666666716337204, -0.25],
  ),
} as const;
/** As far as the library itself takes two maps for one. */
const MAP_TOLERANCE = 1e-6;

/**
 * @param codes - U8 [(out * in + 1) / 2, 1]: all values row by row, two a byte, the first one high.
 * @throws InputError, UnsupportedError `QUANTISED_*`.
 */
export function decodeFourBit(weights: StoredWeights, codes: StoredPart, shape: readonly number[]): DecodedTensor {
  const [rows, columns] = shape;
  if (rows === undefined || columns === undefined)
    throw brokenTensor(codes, 'is a vector', codes.dtype, 'BF16, F16 or F32');
  const elements = rows * columns;
  requireForm(codes, ['U8'], [Math.ceil(elements / 2), 1]);
  const state = readFourBitState(weights.stored, codes, [rows, columns]);
  requireMap(weights, codes, state);
  const maxima = maximaOf(weights, codes, state, Math.ceil(elements / state.blocksize));
  const { blocksize, quantType } = state;
  const table = TABLES[quantType];
  return {
    kind: 'decoded',
    shape: [rows, columns],
    format: `${quantType}, blocks of ${blocksize}${state.nested === undefined ? '' : ', double quantisation'}`,
    file: codes.file,
    lengthBytes: codes.lengthBytes + maxima.lengthBytes,
    decodeRows(firstRow, out) {
      const first = firstRow * columns;
      const end = first + out.length;
      const firstByte = first >> 1;
      const bytes = readBytes(codes.file, codes.offsetBytes + firstByte, ((end + 1) >> 1) - firstByte);
      const firstBlock = Math.floor(first / blocksize);
      const scales = maxima.read(firstBlock, Math.ceil(end / blocksize) - firstBlock);
      decodeBlocks({ bytes, first, table, blocksize, scales }, out);
    },
  };
}

interface Codes {
  /** From that of the first value on. */
  readonly bytes: Uint8Array;
  /** Index of the first value in the matrix. */
  readonly first: number;
  readonly table: Float32Array;
  readonly blocksize: number;
  /** Of the blocks, from that of the first value on. */
  readonly scales: Float32Array;
}

function decodeBlocks({ bytes, first, table, blocksize, scales }: Codes, out: Float32Array): void {
  // Blocks begin at whole bytes, a row need not: what is half of a byte at either end is done alone.
  const skew = first & 1;
  const blockStart = first - (first % blocksize);
  for (let block = 0; block < scales.length; block++) {
    const scale = scales[block]!;
    const start = Math.max(0, blockStart + block * blocksize - first);
    const end = Math.min(out.length, blockStart + (block + 1) * blocksize - first);
    let i = start;
    if (((i + skew) & 1) === 1) {
      out[i] = table[bytes[(i + skew) >> 1]! & 15]! * scale;
      i++;
    }
    for (let at = (i + skew) >> 1; i + 1 < end; i += 2, at++) {
      const byte = bytes[at]!;
      out[i] = table[byte >> 4]! * scale;
      out[i + 1] = table[byte & 15]! * scale;
    }
    if (i < end) out[i] = table[bytes[(i + skew) >> 1]! >> 4]! * scale;
  }
}

function requireMap({ path, stored }: StoredWeights, codes: StoredPart, { quantType }: FourBitState): void {
  const part = findPart(stored, `${codes.name}.quant_map`);
  if (part === undefined) return;
  const map = finiteValues(requireForm(part, ['F32'], [16]), 0, 16);
  const table = TABLES[quantType];
  const at = map.findIndex((value, code) => Math.abs(value - table[code]!) > MAP_TOLERANCE);
  if (at === -1) return;
  throw notRead(path, `${part.name} is not the table of ${quantType}`, `code ${at} is ${map[at]}`, `${table[at]}`);
}

/** The absolute maxima of the blocks. */
interface Maxima {
  readonly lengthBytes: number;
  readonly read: (first: number, count: number) => Float32Array;
}

function maximaOf({ stored }: StoredWeights, codes: StoredPart, { nested }: FourBitState, blocks: number): Maxima {
  const part = requirePart(stored, `${codes.name}.absmax`, codes);
  // A block of zeros has the maximum zero.
  if (nested === undefined) {
    requireForm(part, ['F32'], [blocks]);
    return { lengthBytes: part.lengthBytes, read: (first, count) => finiteValues(part, first, count) };
  }
  requireForm(part, ['U8'], [blocks]);
  const { blocksize, offset } = nested;
  const outer = requirePart(stored, `${codes.name}.nested_absmax`, codes);
  requireForm(outer, ['F32'], [Math.ceil(blocks / blocksize)]);
  const map = requireForm(requirePart(stored, `${codes.name}.nested_quant_map`, codes), ['F32'], [256]);
  let table: Float32Array | undefined;
  return {
    lengthBytes: part.lengthBytes + outer.lengthBytes + map.lengthBytes,
    read(first, count) {
      table ??= finiteValues(map, 0, 256);
      const bytes = readBytes(part.file, part.offsetBytes + first, count);
      const firstOuter = Math.floor(first / blocksize);
      const scales = finiteValues(outer, firstOuter, Math.floor((first + count - 1) / blocksize) + 1 - firstOuter);
      const values = new Float32Array(count);
      for (let i = 0; i < count; i++) {
        const scale = scales[Math.floor((first + i) / blocksize) - firstOuter]!;
        values[i] = Math.fround(table[bytes[i]!]! * scale) + offset;
      }
      requireFinite(part, values, first);
      return values;
    },
  };
}
