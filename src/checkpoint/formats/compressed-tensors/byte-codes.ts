// compressed-tensors, formats int-quantized, float-quantized and naive-quantized: a byte to a weight, row by row.
// Source: compressed-tensors 0.20.0, compressors/naive_quantized and quantization/lifecycle/forward.py (`dequantize`), scales widened
// to float32.
// Exactness: int8: (code - zero point) * scale, fp8: value * scale, each rounded once.
import { FP8_E4M3_VALUES } from '../../../tensor/fp8.ts';
import { readBytes } from '../../safetensors.ts';
import { aligned } from '../packed-bytes.ts';
import { brokenTensor, findPart, readScales, requireForm, requirePart, type StoredPart } from '../stored-parts.ts';
import { anyPart, type CompressedMatrix, type DecodedMatrix } from './pack-quantized.ts';
import { type ScaleGrid, scaleGrid } from './scale-grid.ts';

const READ_BYTES = 1 << 22;
/** Columns with one scale from which a table of all 256 values is worth its making. */
const LONG_RUN = 1024;
const INT8_VALUES: Float32Array = Float32Array.from({ length: 256 }, (_, byte) => (byte << 24) >> 24);

/** @throws InputError `QUANTISED_TENSOR`, UnsupportedError `QUANTISED_UNSUPPORTED`. */
export function byteCodes({ path, module, shape, scheme, stored }: CompressedMatrix): DecodedMatrix {
  const { type, isSymmetric, groupSize } = scheme;
  const [rows, columns] = shape;
  const grid = scaleGrid(path, module, scheme, shape);
  const weight = requireForm(
    requirePart(stored, `${module}.weight`, anyPart(stored, module)),
    [type === 'int' ? 'I8' : 'F8_E4M3'],
    [rows, columns],
  );
  const scales = requireForm(
    requirePart(stored, `${module}.weight_scale`, weight),
    ['BF16', 'F16', 'F32'],
    ...grid.shapes,
  );
  const zeroPart = findPart(stored, `${module}.weight_zero_point`);
  const zeros = isSymmetric
    ? undefined
    : requireForm(requirePart(stored, `${module}.weight_zero_point`, weight), ['I8'], ...grid.shapes);
  const parts = [weight, scales, zeros].filter((part) => part !== undefined);
  return {
    parts: zeroPart === undefined || zeros !== undefined ? parts : [...parts, requireNoShift(zeroPart)],
    tensor: {
      kind: 'decoded',
      shape,
      format: `compressed-tensors ${type === 'int' ? 'int8' : 'fp8'}${groupSize === -1 ? '' : ` g${groupSize}`}`,
      file: weight.file,
      lengthBytes: parts.reduce((bytes, { lengthBytes }) => bytes + lengthBytes, 0),
      decodeRows(firstRow, out) {
        const count = out.length / columns;
        const firstScale = grid.scaleRow(firstRow);
        const used = (grid.scaleRow(firstRow + count - 1) - firstScale + 1) * grid.groups;
        const scaleRows: ScaleRows = {
          ...grid,
          values: type === 'int' ? INT8_VALUES : FP8_E4M3_VALUES,
          scales: readScales(scales, firstScale * grid.groups, used),
          zeros: zeros === undefined ? new Int8Array(used) : readInt8(zeros, firstScale * grid.groups, used),
          table: new Float32Array(256),
        };
        const rowsOfRead = Math.max(1, Math.floor(READ_BYTES / columns));
        for (let done = 0; done < count; done += rowsOfRead) {
          const taken = Math.min(rowsOfRead, count - done);
          const first = firstRow + done;
          const codes = aligned(readBytes(weight.file, weight.offsetBytes + first * columns, taken * columns));
          if (type === 'float') requireNumbers(weight, codes, first * columns);
          for (let i = 0; i < taken; i++) {
            const row = done + i;
            const codesOfRow = codes.subarray(i * columns, (i + 1) * columns);
            const values = out.subarray(row * columns, (row + 1) * columns);
            valuesOfBytes(codesOfRow, scaleRows, grid.scaleRow(first + i) - firstScale, values);
          }
        }
      },
    },
  };
}

interface ScaleRows extends Pick<ScaleGrid, 'groups' | 'groupSize'> {
  /** Of the 256 codes. */
  readonly values: Float32Array;
  /** Both [rows, groups]. */
  readonly scales: Float32Array;
  readonly zeros: Int8Array;
  /** [256], to be written over. */
  readonly table: Float32Array;
}

/** One row; a long run with one scale looks its values up in a table of them. */
function valuesOfBytes(codes: Uint8Array, rows: ScaleRows, row: number, out: Float32Array): void {
  const { groups, groupSize, values, scales, zeros, table } = rows;
  for (let group = 0; group < groups; group++) {
    const scale = scales[row * groups + group]!;
    const zero = zeros[row * groups + group]!;
    const start = group * groupSize;
    const end = Math.min(start + groupSize, out.length);
    if (end - start < LONG_RUN) {
      for (let column = start; column < end; column++) out[column] = (values[codes[column]!]! - zero) * scale;
      continue;
    }
    for (let code = 0; code < 256; code++) table[code] = (values[code]! - zero) * scale;
    for (let column = start; column < end; column++) out[column] = table[codes[column]!]!;
  }
}

function readInt8(part: StoredPart, first: number, count: number): Int8Array {
  return Int8Array.from(readBytes(part.file, part.offsetBytes + first, count));
}

/** @throws InputError `QUANTISED_TENSOR` for a code whose lower seven bits are ones: it is no number. */
function requireNumbers(weight: StoredPart, codes: Uint8Array, first: number): void {
  // Seven ones have the bit 0x80 after one is added, and no other has; four codes at a time.
  const words = new Uint32Array(codes.buffer, codes.byteOffset, codes.length >> 2);
  let seen = 0;
  for (let i = 0; i < words.length; i++) seen |= (words[i]! & 0x7f7f_7f7f) + 0x0101_0101;
  for (let i = 4 * words.length; i < codes.length; i++) seen |= (codes[i]! & 0x7f) + 1;
  if ((seen & 0x8080_8080) === 0) return;
  const at = first + codes.findIndex((code) => (code & 0x7f) === 0x7f);
  const columns = weight.shape[1]!;
  const found = `row ${Math.floor(at / columns)}, column ${at % columns}`;
  throw brokenTensor(weight, 'holds a value that is no number', found, 'finite values');
}

/** Earlier versions wrote the zero points of symmetric schemes, too. */
function requireNoShift(part: StoredPart): StoredPart {
  if (readBytes(part.file, part.offsetBytes, part.lengthBytes).every((byte) => byte === 0)) return part;
  throw brokenTensor(
    part,
    'shifts codes, though the scheme is symmetric',
    'zero points that are not 0',
    'zeros, or none',
  );
}
