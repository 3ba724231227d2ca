// AWQ checkpoints of version gemm: codes of 4 bits packed along the output channels, eight rows of the matrix to a word, in an order
// of their own.
// Source: AutoAWQ 0.2.9, utils/packing_utils.py `dequantize_gemm`; compressed-tensors 0.20.0, converters/autoawq.py, for zero_point false.
// Exactness: the values of `dequantize_gemm` with float32 scales, (code - zero point) * scale rounded once.
import type { CheckpointTensor, DecodedTensor } from '../checkpoint-tensor.ts';
import { gatherColumns, gatheredStride } from './bit-fields.ts';
import { type DecodedWeights, notRead, type StoredWeights } from './format.ts';
import { fillTable, type Scaling } from './grouped-values.ts';
import { readWords, recentlyUsed } from './packed-bytes.ts';
import { describeBits, dropZeroBias, modulesIn, takeParts } from './packed-modules.ts';
import { groupSizeOf, namesOf, oneOf, refuseUnknown, type Settings } from './settings.ts';
import { brokenTensor, findPart, readScales, requireForm, requirePart, type StoredPart } from './stored-parts.ts';

/** Shift of the field of row 8 * i + [index] in its word. */
const SHIFT_OF = [0, 16, 4, 20, 8, 24, 12, 28] as const;
const BITS = 4;
const ROWS_OF_WORD = 8;
/** Values of a group: one of each code. */
const TABLE = 2 ** BITS;
/** Columns of words that are taken out at once: those of one cache line. */
const STRIPE_WORDS = 16;
/** A symmetric code's zero. */
const MIDDLE = 8;

const PLACE = 'quantization_config';
const READ = [
  ...['quant_method', 'method', 'bits', 'w_bit', 'group_size', 'q_group_size', 'zero_point', 'version', 'format'],
  ...['checkpoint_format', 'modules_to_not_convert', 'backend', 'desc_act', 'pack_dtype'],
];
/** How the codes were found, and what runs them; Transformers 5 writes the fields of GPTQ here too, as they are by default. */
const HARMLESS = [
  ...['do_fuse', 'fuse_max_seq_len', 'modules_to_fuse', 'exllama_config', 'sym', 'true_sequential', 'damp_percent'],
  ...['act_group_aware', 'meta', 'batch_size', 'cache_block_outputs', 'lm_head', 'model_seqlen', 'max_input_length'],
];

interface AwqMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly groups: number;
  readonly groupSize: number;
  readonly isSymmetric: boolean;
  readonly qweight: StoredPart;
  readonly qzeros: StoredPart | undefined;
  readonly scales: StoredPart;
}

interface Unscattered {
  /** [columns, rows / 8]. */
  readonly words: Uint32Array;
  readonly scaling: Scaling;
}

/** Reads an AWQ checkpoint. @throws UnsupportedError `QUANTISED_UNSUPPORTED`, InputError `QUANTISED_TENSOR`. */
export function readAwq({ path, settings, stored, expected }: StoredWeights): DecodedWeights {
  const { groupSize, isSymmetric, plain } = awqSettings(path, settings);
  const tensors = new Map<string, CheckpointTensor>(stored);
  const unscattered = recentlyUsed(unscatter);
  let quantised = 0;
  for (const [name, [rows, columns]] of modulesIn(expected)) {
    const qweight = findPart(stored, `${name}.qweight`);
    if (qweight === undefined) continue;
    const reason = plain.find((part) => name.includes(part));
    if (reason !== undefined) {
      throw notRead(path, `${name} is in modules_to_not_convert, but its codes are stored`, reason, `${name}.weight`);
    }
    const size = groupSize === -1 ? columns : groupSize;
    const groups = Math.ceil(columns / size);
    if (rows % ROWS_OF_WORD !== 0 || columns % size !== 0) {
      const found = `[${rows}, ${columns}], groups of ${size}`;
      throw notRead(path, `${name} cannot be packed as AWQ does`, found, 'rows in eights, columns in whole groups');
    }
    const words = rows / ROWS_OF_WORD;
    requireForm(qweight, ['I32'], [columns, words]);
    const qzeros = isSymmetric ? findPart(stored, `${name}.qzeros`) : requirePart(stored, `${name}.qzeros`, qweight);
    if (qzeros !== undefined) requireForm(qzeros, ['I32'], [groups, words]);
    const scales = requireForm(requirePart(stored, `${name}.scales`, qweight), ['F16', 'BF16', 'F32'], [groups, rows]);
    const matrix = { rows, columns, groups, groupSize: size, isSymmetric, qweight, qzeros, scales };
    const parts = [qweight, scales, ...(qzeros === undefined ? [] : [qzeros])];
    takeParts(tensors, name, parts, decodedTensor(matrix, parts, unscattered));
    dropZeroBias(tensors, name, { stored, expected });
    quantised += 1;
  }
  const described = quantised === 0 ? [] : [{ bits: BITS, groupSize }];
  return { tensors, encoding: describeBits('AWQ', described, isSymmetric ? ['symmetric'] : []), notes: [] };
}

function awqSettings(
  path: string,
  settings: Settings,
): { readonly groupSize: number; readonly isSymmetric: boolean; readonly plain: readonly string[] } {
  refuseUnknown(path, PLACE, settings, [...READ, ...HARMLESS]);
  // AutoAWQ's own names, which Transformers renames.
  const named = {
    ...settings,
    bits: settings['bits'] ?? settings['w_bit'],
    group_size: settings['group_size'] ?? settings['q_group_size'],
  };
  for (const key of ['version', 'format', 'checkpoint_format']) oneOf(path, PLACE, named, key, ['gemm'], 'gemm');
  // Which kernel runs them decides no value, but llm-awq's own files have an order of their own.
  oneOf(path, PLACE, named, 'backend', ['autoawq', 'auto', 'auto_trainable'], 'auto');
  oneOf(path, PLACE, named, 'method', ['awq'], 'awq');
  oneOf(path, PLACE, named, 'pack_dtype', ['int32'], 'int32');
  oneOf(path, PLACE, named, 'desc_act', [false], false);
  oneOf(path, PLACE, named, 'bits', [BITS], BITS);
  return {
    groupSize: groupSizeOf(path, PLACE, named, 128),
    isSymmetric: !oneOf(path, PLACE, named, 'zero_point', [true, false], true),
    plain: namesOf(path, PLACE, named, 'modules_to_not_convert'),
  };
}

function decodedTensor(
  matrix: AwqMatrix,
  parts: readonly StoredPart[],
  unscattered: (matrix: AwqMatrix) => Unscattered,
): DecodedTensor {
  const { rows, columns, groupSize, qweight } = matrix;
  return {
    kind: 'decoded',
    shape: [rows, columns],
    format: `AWQ int4 g${groupSize}`,
    file: qweight.file,
    lengthBytes: parts.reduce((bytes, { lengthBytes }) => bytes + lengthBytes, 0),
    decodeRows(firstRow, out) {
      const { words, scaling } = unscattered(matrix);
      const stride = gatheredStride(columns);
      const stripe = new Uint32Array(STRIPE_WORDS * stride);
      const tables = new Float32Array(ROWS_OF_WORD * TABLE * scaling.groups);
      // The rows of a word, of which only some may be asked for; written at eight places at once, which is faster in memory that is warm.
      const eight = new Float32Array(ROWS_OF_WORD * columns);
      const end = firstRow + out.length / columns;
      for (let word = Math.floor(firstRow / ROWS_OF_WORD); word * ROWS_OF_WORD < end; ) {
        const taken = Math.min(STRIPE_WORDS, Math.ceil(end / ROWS_OF_WORD) - word);
        gatherColumns(words, rows / ROWS_OF_WORD, word, taken, stripe);
        for (let i = 0; i < taken; i++, word++) {
          const row = word * ROWS_OF_WORD;
          for (let j = 0; j < ROWS_OF_WORD; j++) {
            fillTable(scaling, row + j, tables.subarray(j * TABLE * scaling.groups, (j + 1) * TABLE * scaling.groups));
          }
          valuesOfEightRows(stripe.subarray(i * stride, i * stride + columns), groupSize, tables, eight);
          const first = Math.max(row, firstRow);
          const asked = eight.subarray((first - row) * columns, (Math.min(row + ROWS_OF_WORD, end) - row) * columns);
          out.set(asked, (first - firstRow) * columns);
        }
      }
    },
  };
}

/**
 * The eight rows of a column of words.
 *
 * @param words - [columns].
 * @param tables - [8, groups, 16]: the value of each code.
 * @param values - [8, columns], filled from its start.
 */
function valuesOfEightRows(words: Uint32Array, groupSize: number, tables: Float32Array, values: Float32Array): void {
  const columns = words.length;
  const next = tables.length / ROWS_OF_WORD;
  for (let start = 0, base = 0; start < columns; start += groupSize, base += TABLE) {
    for (let column = start; column < start + groupSize; column++) {
      const word = words[column]!;
      values[column] = tables[base + (word & 15)]!;
      values[column + columns] = tables[base + next + ((word >>> 16) & 15)]!;
      values[column + 2 * columns] = tables[base + 2 * next + ((word >>> 4) & 15)]!;
      values[column + 3 * columns] = tables[base + 3 * next + ((word >>> 20) & 15)]!;
      values[column + 4 * columns] = tables[base + 4 * next + ((word >>> 8) & 15)]!;
      values[column + 5 * columns] = tables[base + 5 * next + ((word >>> 24) & 15)]!;
      values[column + 6 * columns] = tables[base + 6 * next + ((word >>> 12) & 15)]!;
      values[column + 7 * columns] = tables[base + 7 * next + (word >>> 28)]!;
    }
  }
}

function unscatter(matrix: AwqMatrix): Unscattered {
  const { rows, columns, groups, groupSize, qweight } = matrix;
  const stored = readScales(matrix.scales, 0, groups * rows);
  const packedZeros = zerosOf(matrix);
  const scales = new Float32Array(rows * groups);
  const zeros = new Uint8Array(rows * groups).fill(MIDDLE);
  for (let group = 0; group < groups; group++) {
    for (let row = 0; row < rows; row++) {
      scales[row * groups + group] = stored[group * rows + row]!;
      if (packedZeros === undefined) continue;
      const word = packedZeros[(group * rows + row) >>> 3]!;
      zeros[row * groups + group] = (word >>> SHIFT_OF[row % ROWS_OF_WORD]!) & 15;
    }
  }
  return {
    words: readWords(qweight, 0, (columns * rows) / ROWS_OF_WORD),
    scaling: { scales, zeros, groups, groupSize, groupOf: undefined },
  };
}

/**
 * Packed zero points. AutoAWQ writes none without `zero_point` and uses all that it finds; compressed-tensors ignores them then: only
 * where both come to the same is there one value.
 */
function zerosOf({ qzeros, isSymmetric }: AwqMatrix): Uint32Array | undefined {
  if (qzeros === undefined) return undefined;
  const words = readWords(qzeros, 0, qzeros.lengthBytes / 4);
  const wrong = isSymmetric ? words.findIndex((word) => word !== 0x8888_8888) : -1;
  if (wrong < 0) return words;
  const found = `0x${words[wrong]!.toString(16).padStart(8, '0')} at word ${wrong}`;
  throw brokenTensor(qzeros, 'holds zero points, though zero_point is false', found, '0x88888888 only, or no qzeros');
}
