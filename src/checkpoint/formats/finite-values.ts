// Runs of scales and offsets, none of which may be no number or make a value infinite; zero is a value here.
import { readFloat32At } from '../safetensors.ts';
import { brokenTensor, type StoredPart } from './stored-parts.ts';

/** Beyond it, codes of a byte would become infinite. */
const SIZE_MAX = 2 ** 118;

/** Elements of a plain tensor, widened exactly. @throws InputError `QUANTISED_TENSOR`. */
export function finiteValues(part: StoredPart, first: number, count: number): Float32Array {
  const values = readFloat32At(part.file, part, first, count);
  requireFinite(part, values, first);
  return values;
}

/** @param first - index of the first of the values, for messages. @throws InputError `QUANTISED_TENSOR`. */
export function requireFinite(part: StoredPart, values: Float32Array, first: number): void {
  for (let i = 0; i < values.length; i++) {
    if (Math.abs(values[i]!) < SIZE_MAX) continue;
    throw brokenTensor(part, `holds ${values[i]}`, `element ${first + i}`, `values below ${SIZE_MAX}`);
  }
}
