// One vector file as its checker sees it: raw records or named tensors, both as plain arrays.
import { readFileSync } from 'node:fs';
import { withFile } from '../../../checkpoint/files.ts';
import { InputError } from '../../../errors.ts';
import { bitsOf } from '../../../numerics/float-bits.ts';

export interface VectorFile {
  /** Name without folder. */
  readonly name: string;
  readonly path: string;
}

/** @returns a view of the file's bytes and its number of records. @throws InputError `FILE_*`; `VECTOR_SIZE` unless it holds whole records. */
export function readRecords(file: VectorFile, recordBytes: number): { data: DataView; records: number } {
  const { buffer, byteOffset, byteLength } = withFile(file.path, (opened) => readFileSync(opened));
  const data = new DataView(buffer, byteOffset, byteLength);
  if (data.byteLength === 0 || data.byteLength % recordBytes !== 0) {
    throw wrongSize(file, data.byteLength, `a multiple of ${recordBytes} bytes`);
  }
  return { data, records: data.byteLength / recordBytes };
}

export function wrongSize(file: VectorFile, found: number, wanted: string): InputError {
  return new InputError(`${file.name} is not a vector file of the known layout.`, {
    code: 'VECTOR_SIZE',
    facts: { found: `${found} bytes`, wanted },
    hint: 'see fixtures/vectors/README.md for the layout of each file',
  });
}

/** Float32 values of `count` little-endian bfloat16 patterns at `offset`. */
export function bf16Values(data: DataView, offset: number, count: number): Float32Array {
  const values = new Float32Array(count);
  const bits = bitsOf(values);
  for (let i = 0; i < count; i++) bits[i] = data.getUint16(offset + 2 * i, true) << 16;
  return values;
}

/** `count` little-endian float32 values at `offset`, bit for bit. */
export function float32Values(data: DataView, offset: number, count: number): Float32Array {
  const values = new Float32Array(count);
  const bits = bitsOf(values);
  for (let i = 0; i < count; i++) bits[i] = data.getUint32(offset + 4 * i, true);
  return values;
}
