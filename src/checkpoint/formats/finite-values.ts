// Runs of scales and offsets, none of which may be infinite or no number; zero is a value here.
import { readFloat32At } from '../safetensors.ts';
import { brokenTensor, type StoredPart } from './stored-parts.ts';

/** Elements of a plain tensor, widened exactly. @throws InputError `QUANTISED_TENSOR`. */
export function finiteValues(part: StoredPart, first: number, count: number): Float32Array {
  const values = readFloat32At(part.file, part, first, count);
  for (let i = 0; i < count; i++) {
    if (!Number.isFinite(values[i]))
      throw brokenTensor(part, `holds ${values[i]}`, `element ${first + i}`, 'finite values');
  }
  return values;
}
