// The 8-bit codes of bitsandbytes (LLM.int8): one absolute maximum a row, which stands for the code 127.
// Source: bitsandbytes 0.50.2 `int8_vectorwise_dequant`; the reciprocal of 127 is multiplied as float32, after the maximum.
// Exactness: two float32 products, rounded one after the other.
import type { DecodedTensor } from '../checkpoint-tensor.ts';
import { readBytes } from '../safetensors.ts';
import { finiteValues } from './finite-values.ts';
import type { StoredWeights } from './format.ts';
import { brokenTensor, findPart, requireForm, requirePart, type StoredPart } from './stored-parts.ts';

/** Of one module, beside its codes. */
export const INT8_PARTS = ['SCB', 'weight_format'] as const;

const RECIPROCAL_OF_127 = 7.874015718698502e-3;

/**
 * @param codes - I8 [out, in], beside it SCB F32 [out].
 * @throws InputError `QUANTISED_TENSOR`.
 */
export function decodeInt8({ stored }: StoredWeights, codes: StoredPart, shape: readonly number[]): DecodedTensor {
  const [rows, columns] = shape;
  if (rows === undefined || columns === undefined)
    throw brokenTensor(codes, 'is a vector', codes.dtype, 'BF16, F16 or F32');
  requireForm(codes, ['I8'], shape);
  const module = codes.name.slice(0, -'.weight'.length);
  const maxima = requireForm(requirePart(stored, `${module}.SCB`, codes), ['F32'], [rows]);
  const format = findPart(stored, `${module}.weight_format`);
  if (format !== undefined) requireRowFormat(requireForm(format, ['U8'], [], [1]));
  return {
    kind: 'decoded',
    shape: [rows, columns],
    format: 'int8',
    file: codes.file,
    lengthBytes: codes.lengthBytes + maxima.lengthBytes,
    decodeRows(firstRow, out) {
      const count = out.length / columns;
      const bytes = readBytes(codes.file, codes.offsetBytes + firstRow * columns, out.length);
      // A row of zeros has the maximum zero.
      const scales = finiteValues(maxima, firstRow, count);
      for (let row = 0, i = 0; row < count; row++) {
        const scale = scales[row]!;
        for (const end = i + columns; i < end; i++) {
          out[i] = Math.fround(((bytes[i]! << 24) >> 24) * scale) * RECIPROCAL_OF_127;
        }
      }
    },
  };
}

/** Older versions stored the orders of their matrix units: 1 is col32, 2 Turing's, 3 Ampere's. */
function requireRowFormat(format: StoredPart): void {
  const [value] = readBytes(format.file, format.offsetBytes, 1);
  if (value !== 0)
    throw brokenTensor(format, 'names an order of the codes that is not read', `${value}`, '0, which is row by row');
}
