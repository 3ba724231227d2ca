// GPTQ checkpoints: codes of 2, 3, 4 or 8 bits packed along the input channels, so that a row of the matrix is a column of words.
// Source: GPTQModel 7.7.0, utils/model_dequant.py `convert_gptq_file` (float32 arithmetic, zero points of version 1 raised within their
// bits); AutoGPTQ 0.7.1, nn_modules/qlinear/qlinear_cuda_old.py, agrees for 2, 4 and 8 bits.
// Exactness: the values of GPTQModel at float32, (code - zero point) * scale rounded once.

import type { CheckpointTensor, DecodedTensor } from '../checkpoint-tensor.ts';
import { gatherColumns, gatheredStride, unpackFields, wordsFor } from './bit-fields.ts';
import { type DecodedWeights, notRead, type StoredWeights } from './format.ts';
import { type GptqModule, gptqSettings } from './gptq-settings.ts';
import { type RowDecoder, rowDecoder } from './grouped-values.ts';
import { readWords, recentlyUsed } from './packed-bytes.ts';
import { ACTIVATIONS_NOTE, describeBits, dropZeroBias, EMBEDDING, modulesIn, takeParts } from './packed-modules.ts';
import {
  brokenTensor,
  findPart,
  readIntegers,
  readScales,
  requireForm,
  requirePart,
  type StoredPart,
} from './stored-parts.ts';

/** Rows that are taken out of the scattered words at once: those of one cache line. */
const STRIPE_ROWS = 16;

interface GptqMatrix extends GptqModule {
  readonly rows: number;
  readonly columns: number;
  readonly groups: number;
  readonly zeroOffset: 0 | 1;
  readonly qweight: StoredPart;
  readonly qzeros: StoredPart;
  readonly scales: StoredPart;
  readonly groupIndex: StoredPart | undefined;
}

/** What stays in memory of a matrix that is being read. */
interface Unscattered {
  /** [words of a row, rows]. */
  readonly words: Uint32Array;
  readonly decode: RowDecoder;
}

/** Reads a GPTQ checkpoint. @throws UnsupportedError `QUANTISED_UNSUPPORTED`, InputError `QUANTISED_TENSOR`. */
export function readGptq({ path, settings, stored, expected }: StoredWeights): DecodedWeights {
  const modules = modulesIn(expected);
  const read = gptqSettings(path, settings, [...modules.keys()]);
  const tensors = new Map<string, CheckpointTensor>(stored);
  const unscattered = recentlyUsed(unscatter);
  const used: GptqModule[] = [];
  for (const [name, [rows, columns]] of modules) {
    const qweight = findPart(stored, `${name}.qweight`);
    if (qweight === undefined) continue;
    const module = read.modules.get(name);
    if (module === undefined || name === EMBEDDING) {
      const what = module === undefined ? 'is left plain by dynamic' : 'is an embedding';
      throw notRead(path, `${name} ${what}, but its codes are stored`, qweight.name, `${name}.weight`);
    }
    const matrix = matrixOf(qweight, { ...module, rows, columns, zeroOffset: read.zeroOffset }, (part) =>
      part === 'g_idx' ? findPart(stored, `${name}.g_idx`) : requirePart(stored, `${name}.${part}`, qweight),
    );
    const parts = [
      qweight,
      matrix.qzeros,
      matrix.scales,
      ...(matrix.groupIndex === undefined ? [] : [matrix.groupIndex]),
    ];
    takeParts(tensors, name, parts, decodedTensor(matrix, parts, unscattered));
    dropZeroBias(tensors, name, { stored, expected });
    used.push(module);
  }
  return {
    tensors,
    encoding: describeBits('GPTQ', used, read.zeroOffset === 1 ? [] : ['v2']),
    notes: read.quantisesActivations ? [ACTIVATIONS_NOTE] : [],
  };
}

/** AutoGPTQ and GPTQModel pack 3 bits in whole blocks of 32. */
function packedWords(count: number, bits: number): number {
  return bits === 3 ? 3 * Math.ceil(count / 32) : wordsFor(count, bits);
}

function matrixOf(
  qweight: StoredPart,
  module: GptqModule & Pick<GptqMatrix, 'rows' | 'columns' | 'zeroOffset'>,
  partOf: (part: 'qzeros' | 'scales' | 'g_idx') => StoredPart | undefined,
): GptqMatrix {
  const { rows, columns, bits, groupSize, isReordered } = module;
  const groups = groupSize === -1 ? 1 : Math.ceil(columns / groupSize);
  requireForm(qweight, ['I32'], [packedWords(columns, bits), rows]);
  const groupIndex = partOf('g_idx');
  if (groupIndex !== undefined) requireForm(groupIndex, ['I32', 'I64'], [columns]);
  else if (isReordered && groups > 1) {
    const what = 'has no g_idx, though desc_act says that its columns are reordered';
    throw brokenTensor(qweight, what, 'no g_idx', `g_idx I32 [${columns}]`);
  }
  return {
    ...module,
    groups,
    qweight,
    groupIndex,
    qzeros: requireForm(partOf('qzeros')!, ['I32'], [groups, packedWords(rows, bits)]),
    scales: requireForm(partOf('scales')!, ['F16', 'BF16', 'F32'], [groups, rows]),
  };
}

function decodedTensor(
  matrix: GptqMatrix,
  parts: readonly StoredPart[],
  unscattered: (matrix: GptqMatrix) => Unscattered,
): DecodedTensor {
  const { rows, columns, bits, groupSize, qweight } = matrix;
  return {
    kind: 'decoded',
    shape: [rows, columns],
    format: `GPTQ int${bits} ${groupSize === -1 ? 'columns' : `g${groupSize}`}`,
    file: qweight.file,
    lengthBytes: parts.reduce((bytes, { lengthBytes }) => bytes + lengthBytes, 0),
    decodeRows(firstRow, out) {
      const { words, decode } = unscattered(matrix);
      const stride = gatheredStride(words.length / rows);
      const stripe = new Uint32Array(STRIPE_ROWS * stride);
      const count = out.length / columns;
      for (let done = 0; done < count; done += STRIPE_ROWS) {
        const taken = Math.min(STRIPE_ROWS, count - done);
        gatherColumns(words, rows, firstRow + done, taken, stripe);
        for (let i = 0; i < taken; i++) {
          const row = done + i;
          decode(stripe, i * stride, firstRow + row, out.subarray(row * columns, (row + 1) * columns));
        }
      }
    },
  };
}

function unscatter(matrix: GptqMatrix): Unscattered {
  const { rows, columns, bits, groups, groupSize, zeroOffset, qweight, qzeros } = matrix;
  const stored = readScales(matrix.scales, 0, groups * rows);
  const packedZeros = readWords(qzeros, 0, qzeros.lengthBytes / 4);
  const scales = new Float32Array(rows * groups);
  const zeros = new Uint8Array(rows * groups);
  const zerosOfGroup = new Uint8Array(rows);
  const mask = 2 ** bits - 1;
  for (let group = 0; group < groups; group++) {
    unpackFields(packedZeros, (group * packedZeros.length) / groups, bits, zerosOfGroup);
    for (let row = 0; row < rows; row++) {
      scales[row * groups + group] = stored[group * rows + row]!;
      zeros[row * groups + group] = (zerosOfGroup[row]! + zeroOffset) & mask;
    }
  }
  const size = groupSize === -1 ? columns : groupSize;
  const scaling = { scales, zeros, groups, groupSize: size, groupOf: groupsOf(matrix) };
  return {
    words: readWords(qweight, 0, qweight.lengthBytes / 4),
    decode: rowDecoder(bits, columns, scaling),
  };
}

/** The stored order of the groups; undefined if it is that of the columns, which is read faster. */
function groupsOf({ groupIndex, groups, groupSize, columns }: GptqMatrix): Int32Array | undefined {
  if (groupIndex === undefined) return undefined;
  const groupOf = readIntegers(groupIndex);
  const wrong = groupOf.findIndex((group) => group < 0 || group >= groups);
  if (wrong >= 0) {
    const found = `${groupOf[wrong]} at column ${wrong}`;
    throw brokenTensor(groupIndex, 'names a group that does not exist', found, `0 to ${groups - 1}`);
  }
  const size = groupSize === -1 ? columns : groupSize;
  return groupOf.every((group, column) => group === Math.floor(column / size)) ? undefined : groupOf;
}
