// compressed-tensors, formats int-quantized, float-quantized and naive-quantized: a byte to a weight, row by row.
// Source: compressed-tensors 0.20.0, compressors/naive_quantized and quantization/lifecycle/forward.py (`dequantize`), scales widened
// to float32.
// Exactness: int8: (code - zero point) * scale, fp8: value * scale, each rounded once.
import { FP8_E4M3_VALUES } from '../../../tensor/fp8.ts';
import { readBytes } from '../../safetensors.ts';
import { type Scaling, valuesOfCodes } from '../grouped-values.ts';
import { brokenTensor, findPart, readScales, requireForm, requirePart, type StoredPart } from '../stored-parts.ts';
import { anyPart, type CompressedMatrix, type DecodedMatrix } from './pack-quantized.ts';
import { scaleGrid } from './scale-grid.ts';

const READ_BYTES = 1 << 22;
/** A signed byte with its highest bit flipped is an unsigned code with 128 added. */
const SIGN_BIT = 0x80;

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
        const scaling: Scaling = {
          ...grid,
          groupOf: undefined,
          scales: readScales(scales, firstScale * grid.groups, used),
          zeros:
            zeros === undefined
              ? new Uint8Array(used).fill(SIGN_BIT)
              : signFlipped(zeros, firstScale * grid.groups, used),
        };
        const rowsOfRead = Math.max(1, Math.floor(READ_BYTES / columns));
        for (let done = 0; done < count; done += rowsOfRead) {
          const taken = Math.min(rowsOfRead, count - done);
          const first = (firstRow + done) * columns;
          const codes =
            type === 'int'
              ? signFlipped(weight, first, taken * columns)
              : readBytes(weight.file, weight.offsetBytes + first, taken * columns);
          for (let i = 0; i < taken; i++) {
            const row = done + i;
            const codesOfRow = codes.subarray(i * columns, (i + 1) * columns);
            const values = out.subarray(row * columns, (row + 1) * columns);
            const scaleRow = grid.scaleRow(firstRow + row) - firstScale;
            if (type === 'int') valuesOfCodes(codesOfRow, scaling, scaleRow, values);
            else if (!valuesOfFp8(codesOfRow, scaling, scaleRow, values))
              throw notFinite(weight, firstRow + row, codesOfRow);
          }
        }
      },
    },
  };
}

/** Signed bytes as unsigned codes, each with 128 added. */
function signFlipped(part: StoredPart, first: number, count: number): Uint8Array {
  const codes = readBytes(part.file, part.offsetBytes + first, count);
  for (let i = 0; i < count; i++) codes[i]! ^= SIGN_BIT;
  return codes;
}

/** @returns false if a code is no number. */
function valuesOfFp8(
  codes: Uint8Array,
  { groupSize, groups, scales }: Scaling,
  row: number,
  values: Float32Array,
): boolean {
  // A pattern of seven ones has the bit 0x80 after one is added, and no other has.
  let seen = 0;
  for (let group = 0; group < groups; group++) {
    const scale = scales[row * groups + group]!;
    const end = Math.min((group + 1) * groupSize, values.length);
    for (let column = group * groupSize; column < end; column++) {
      const code = codes[column]!;
      seen |= (code & 0x7f) + 1;
      values[column] = FP8_E4M3_VALUES[code]! * scale;
    }
  }
  return (seen & 0x80) === 0;
}

function notFinite(weight: StoredPart, row: number, codes: Uint8Array): Error {
  const column = codes.findIndex((code) => (code & 0x7f) === 0x7f);
  return brokenTensor(weight, 'holds a value that is no number', `row ${row}, column ${column}`, 'finite values');
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
