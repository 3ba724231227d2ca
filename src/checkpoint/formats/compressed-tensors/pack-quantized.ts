// compressed-tensors, format pack-quantized: codes of a few bits packed along the input channels, row by row.
// Source: compressed-tensors 0.20.0, compressors/pack_quantized (`unpack_from_int32`) and quantization/lifecycle/forward.py
// (`dequantize`) with scales widened to float32; weight_g_idx, which 0.20 has no more, as 0.12.2 applies it.
// Exactness: (code - zero point) * scale rounded once. Codes are stored with 2^(bits - 1) added, and zero points too.
import type { DecodedTensor, PlainTensor } from '../../checkpoint-tensor.ts';
import { readBytes } from '../../safetensors.ts';
import { gatherColumns, gatheredStride, unpackFields, wordsFor } from '../bit-fields.ts';
import { rowDecoder } from '../grouped-values.ts';
import { readWords, recentlyUsed } from '../packed-bytes.ts';
import {
  brokenTensor,
  findPart,
  readIntegers,
  readScales,
  requireForm,
  requirePart,
  type StoredPart,
} from '../stored-parts.ts';
import { type ScaleGrid, scaleGrid } from './scale-grid.ts';
import type { WeightScheme } from './scheme.ts';

/** One read of packed rows. */
const READ_BYTES = 1 << 22;

export interface CompressedMatrix {
  /** Of config.json. */
  readonly path: string;
  readonly module: string;
  readonly shape: readonly [number, number];
  readonly scheme: WeightScheme;
  readonly stored: ReadonlyMap<string, PlainTensor>;
}

export interface DecodedMatrix {
  readonly parts: readonly StoredPart[];
  readonly tensor: DecodedTensor;
}

/** @throws InputError `QUANTISED_TENSOR`, UnsupportedError `QUANTISED_UNSUPPORTED`. */
export function packQuantized({ path, module, shape, scheme, stored }: CompressedMatrix): DecodedMatrix {
  const { bits, isSymmetric, strategy, groupSize } = scheme;
  const [rows, columns] = shape;
  const grid = scaleGrid(path, module, scheme, shape);
  const words = wordsFor(columns, bits);
  // Versions before 0.13 packed whole fields of 3, 5 and 6 bits to a word: other shapes, which are refused here.
  const packed = requireForm(
    requirePart(stored, `${module}.weight_packed`, anyPart(stored, module)),
    ['I32'],
    [rows, words],
  );
  const scales = requireForm(
    requirePart(stored, `${module}.weight_scale`, packed),
    ['BF16', 'F16', 'F32'],
    ...grid.shapes,
  );
  const sides = requireForm(requirePart(stored, `${module}.weight_shape`, packed), ['I64', 'I32'], [2]);
  requireSides(sides, shape);
  const zeros = isSymmetric ? undefined : requirePart(stored, `${module}.weight_zero_point`, packed);
  // The zero point of a whole tensor is not packed.
  if (zeros !== undefined && strategy === 'tensor') requireForm(zeros, ['I8'], ...grid.shapes);
  else if (zeros !== undefined) requireForm(zeros, ['I32'], [wordsFor(rows, bits), grid.groups]);
  const groupIndex = findPart(stored, `${module}.weight_g_idx`);
  if (groupIndex !== undefined) requireForm(groupIndex, ['I32', 'I64'], [columns]);
  else if (scheme.isReordered) {
    const what = 'has no weight_g_idx, though actorder says that its columns are reordered';
    throw brokenTensor(packed, what, 'no weight_g_idx', `weight_g_idx I32 [${columns}]`);
  }
  const groupOf = recentlyUsed((part: StoredPart) => groupsOf(part, grid));
  const parts = [packed, scales, sides, zeros, groupIndex].filter((part) => part !== undefined);
  return {
    parts,
    tensor: {
      kind: 'decoded',
      shape,
      format: `compressed-tensors int${bits}${groupSize === -1 ? '' : ` g${groupSize}`}`,
      file: packed.file,
      lengthBytes: parts.reduce((bytes, { lengthBytes }) => bytes + lengthBytes, 0),
      decodeRows(firstRow, out) {
        const count = out.length / columns;
        const firstScale = grid.scaleRow(firstRow);
        const scaleRows = grid.scaleRow(firstRow + count - 1) - firstScale + 1;
        const decode = rowDecoder(bits, columns, {
          ...grid,
          groupOf: groupIndex === undefined ? undefined : groupOf(groupIndex),
          scales: readScales(scales, firstScale * grid.groups, scaleRows * grid.groups),
          zeros: zerosOf(zeros, { grid, bits, firstScale, scaleRows }),
        });
        const rowsOfRead = Math.max(1, Math.floor(READ_BYTES / (4 * words)));
        for (let done = 0; done < count; done += rowsOfRead) {
          const taken = Math.min(rowsOfRead, count - done);
          const read = readWords(packed, (firstRow + done) * words, taken * words);
          for (let i = 0; i < taken; i++) {
            const row = done + i;
            const values = out.subarray(row * columns, (row + 1) * columns);
            decode(read, i * words, grid.scaleRow(firstRow + row) - firstScale, values);
          }
        }
      },
    },
  };
}

/** A tensor of a module, for the message about a missing one. */
export function anyPart(stored: ReadonlyMap<string, PlainTensor>, module: string): StoredPart {
  const name = [...stored.keys()].find((one) => one.startsWith(`${module}.`))!;
  return { ...stored.get(name)!, name };
}

function requireSides(part: StoredPart, shape: readonly [number, number]): void {
  const sides = readIntegers(part);
  if (sides[0] === shape[0] && sides[1] === shape[1]) return;
  throw brokenTensor(part, 'does not fit config.json', `[${sides.join(', ')}]`, `[${shape.join(', ')}]`);
}

interface ZeroRows {
  readonly grid: ScaleGrid;
  readonly bits: number;
  readonly firstScale: number;
  readonly scaleRows: number;
}

/** Zero points as unsigned codes, [scale rows, groups]; packed ones lie along the rows, so that a group's are a column of words. */
function zerosOf(part: StoredPart | undefined, { grid, bits, firstScale, scaleRows }: ZeroRows): Uint8Array {
  const { groups } = grid;
  const zeros = new Uint8Array(scaleRows * groups).fill(2 ** (bits - 1));
  if (part === undefined) return zeros;
  if (part.dtype === 'I8') {
    const value = (readBytes(part.file, part.offsetBytes, 1)[0]! << 24) >> 24;
    if (Math.abs(value + 0.5) < 2 ** (bits - 1)) return zeros.fill(value + 2 ** (bits - 1));
    throw brokenTensor(part, 'is no zero point of its bits', `${value}`, `a signed integer of ${bits} bits`);
  }
  // 32 fields are whole words, whatever the bits.
  const firstBlock = Math.floor(firstScale / 32);
  const firstWord = firstBlock * bits;
  const wordRows = Math.min(wordsFor(firstScale + scaleRows, bits), part.shape[0]!) - firstWord;
  const stride = gatheredStride(wordRows);
  const columns = new Uint32Array(groups * stride);
  gatherColumns(readWords(part, firstWord * groups, wordRows * groups), groups, 0, groups, columns);
  const fields = new Uint8Array(firstScale + scaleRows - 32 * firstBlock);
  for (let group = 0; group < groups; group++) {
    unpackFields(columns, group * stride, bits, fields);
    for (let row = 0; row < scaleRows; row++) zeros[row * groups + group] = fields[firstScale - 32 * firstBlock + row]!;
  }
  return zeros;
}

/** Column -> group; undefined if groups are runs of columns. A -1 anywhere says that the index was never filled. */
function groupsOf(part: StoredPart, { groups, groupSize }: ScaleGrid): Int32Array | undefined {
  const groupOf = readIntegers(part);
  if (groupOf.every((group) => group === -1)) return undefined;
  const members = new Int32Array(groups);
  for (const group of groupOf) if (group >= 0 && group < groups) members[group]! += 1;
  const wrong = members.findIndex((count) => count !== groupSize);
  if (wrong >= 0) {
    const what = 'does not put as many columns into each group';
    throw brokenTensor(part, what, `${members[wrong]} in group ${wrong}`, `${groupSize} in each of ${groups}`);
  }
  return groupOf.every((group, column) => group === Math.floor(column / groupSize)) ? undefined : groupOf;
}
