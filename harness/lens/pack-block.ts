// Columns and notes as one deflated base64 block: bytes of equal weight stand together, so that floats deflate well.
import { deflateRawSync } from 'node:zlib';
import type { Column, Columns } from './lens-format.ts';

/** Fixed, so that the same columns are the same bytes. */
const DEFLATE_LEVEL = 9;

/**
 * Layout: length of the head (uint32, little endian), the head as JSON, then each column's bytes, all lowest bytes first.
 *
 * @param notes - any JSON beside the columns.
 */
export function packBlock(columns: Columns, notes: unknown = null): string {
  const entries = Object.entries(columns);
  const head = Buffer.from(
    JSON.stringify({ columns: entries.map(([name, column]) => [name, typeOf(column), column.length]), notes }),
  );
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.length);
  const bytes = Buffer.concat([length, head, ...entries.map(([, column]) => shuffled(column))]);
  return deflateRawSync(bytes, { level: DEFLATE_LEVEL }).toString('base64');
}

export function typeOf(column: Column): 'u8' | 'i32' | 'f32' {
  return column instanceof Uint8Array ? 'u8' : column instanceof Int32Array ? 'i32' : 'f32';
}

function shuffled(column: Column): Uint8Array {
  const width = column.BYTES_PER_ELEMENT;
  const bytes = new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
  if (width === 1) return bytes;
  const out = new Uint8Array(bytes.length);
  for (let byte = 0; byte < width; byte++) {
    for (let i = 0; i < column.length; i++) out[byte * column.length + i] = bytes[i * width + byte]!;
  }
  return out;
}
