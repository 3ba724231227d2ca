// Safetensors files whose header is any text, for tests of what a reader makes of it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface FileContent {
  readonly header: string | Buffer;
  readonly dataBytes?: number;
  /** What the file says of its header's length; the truth, if not given. */
  readonly headerBytes?: bigint;
}

let files = 0;

/** A file with this header text and this many bytes of data, in a folder of the test. */
export function writeRawSafetensors(folder: string, { header, dataBytes = 0, headerBytes }: FileContent): string {
  const text = Buffer.from(header as string);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(headerBytes ?? BigInt(text.length));
  const path = join(folder, `${files++}.safetensors`);
  writeFileSync(path, Buffer.concat([length, text, Buffer.alloc(dataBytes)]));
  return path;
}

/** The header of so many tensors without elements: t0, t1 … */
export function headerOfMany(count: number): string {
  const entries = Array.from({ length: count }, (_, i) => `"t${i}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`);
  return `{${entries.join(',')}}`;
}
