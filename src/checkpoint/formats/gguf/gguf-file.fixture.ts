// Writes GGUF files for tests, sane and hostile ones: what a header claims is written as given.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FIXTURES } from '../../checkpoint.fixture.ts';
import { type GgufHeader, readGgufHeader } from './header.ts';
import type { MetadataValue } from './metadata.ts';

export const GGUF_FOLDER: string = join(FIXTURES, 'quantised/gguf');
export const TINY_GGUF: string = join(GGUF_FOLDER, 'tiny-qwen2.gguf');

export interface TensorToPut {
  readonly name: string;
  /** GGUF's number. */
  readonly type: number;
  /** Slowest first, as everywhere here. */
  readonly shape: readonly (number | bigint)[];
  readonly data?: Uint8Array;
  /** Instead of the right one. */
  readonly offset?: number | bigint;
}

export interface GgufToWrite {
  readonly version?: number;
  readonly metadata?: Iterable<readonly [string, MetadataValue]>;
  readonly tensors?: readonly TensorToPut[];
  readonly alignment?: number;
  /** Instead of the right ones. */
  readonly tensorCount?: number | bigint;
  readonly keyCount?: number | bigint;
  /** Bytes in the place of metadata. */
  readonly rawMetadata?: Uint8Array;
}

export function ggufBytes(file: GgufToWrite): Buffer {
  const { version = 3, tensors = [], alignment = 32, rawMetadata } = file;
  const metadata = [...(file.metadata ?? [])];
  const parts: Uint8Array[] = [Buffer.from('GGUF'), u32(version)];
  parts.push(u64(file.tensorCount ?? tensors.length), u64(file.keyCount ?? metadata.length));
  for (const [key, value] of metadata) parts.push(text(key), ...valueBytes(value));
  if (rawMetadata !== undefined) parts.push(rawMetadata);
  const data: Uint8Array[] = [];
  let offset = 0;
  for (const { name, type, shape, data: bytes = new Uint8Array(), offset: stated } of tensors) {
    parts.push(text(name), u32(shape.length), ...[...shape].reverse().map((side) => u64(side)));
    parts.push(u32(type), u64(stated ?? offset));
    const padded = Math.ceil(bytes.length / alignment) * alignment;
    data.push(bytes, new Uint8Array(padded - bytes.length));
    offset += padded;
  }
  const header = Buffer.concat(parts);
  const padding = Math.ceil(header.length / alignment) * alignment - header.length;
  return Buffer.concat([header, new Uint8Array(tensors.length === 0 ? 0 : padding), ...data]);
}

export function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

export function u64(value: number | bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
}

export function text(value: string): Uint8Array {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}

/** Whole numbers as u32, others as float32. */
function valueBytes(value: MetadataValue): Uint8Array[] {
  if (typeof value === 'string') return [u32(8), text(value)];
  if (typeof value === 'boolean') return [u32(7), Uint8Array.of(value ? 1 : 0)];
  if (typeof value === 'bigint') return [u32(10), u64(value)];
  if (typeof value === 'number') {
    return Number.isInteger(value) ? [u32(4), u32(value)] : [u32(6), new Uint8Array(Float32Array.of(value).buffer)];
  }
  if (value instanceof Int32Array) return [u32(9), u32(5), u64(value.length), new Uint8Array(value.slice().buffer)];
  if (!Array.isArray(value)) throw new Error('the fixture writes arrays of texts and of int32');
  return [u32(9), u32(8), u64(value.length), ...value.map((entry) => text(entry))];
}

const TYPE_NUMBERS: Readonly<Record<string, number>> = {
  ...{ F32: 0, F16: 1, Q4_0: 2, Q4_1: 3, Q5_0: 6, Q5_1: 7, Q8_0: 8, BF16: 30 },
};

let tiny: { readonly header: GgufHeader; readonly bytes: Buffer } | undefined;

/** The tiny file's metadata and tensors, to be written again with a change. */
export function tinyParts(): { metadata: Map<string, MetadataValue>; tensors: TensorToPut[] } {
  tiny ??= { header: readGgufHeader(TINY_GGUF), bytes: readFileSync(TINY_GGUF) };
  const { header, bytes } = tiny;
  const tensors = [...header.tensors].map(([name, { type, shape, offsetBytes, lengthBytes }]) => ({
    name,
    type: TYPE_NUMBERS[type]!,
    shape,
    data: bytes.subarray(offsetBytes, offsetBytes + lengthBytes),
  }));
  return { metadata: new Map(header.metadata), tensors };
}
