// The entries of a ZIP archive, as numpy.savez and savez_compressed write them: stored ones stay on disk, others are inflated.
// Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12, 4.3.14 to 4.3.16 and 4.5.3 (ZIP64).
import { statSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';
import { readBytes } from '../../checkpoint/safetensors.ts';
import { InputError, UnsupportedError } from '../../errors.ts';
import { type ByteSource, fileRange, memoryBytes } from './stored-array.ts';

const LOCAL_HEADER = 0x0403_4b50;
const CENTRAL_HEADER = 0x0201_4b50;
const END_OF_DIRECTORY = 0x0605_4b50;
const ZIP64_LOCATOR = 0x0706_4b50;
const ZIP64_END = 0x0606_4b50;
const ZIP64_FIELD = 1;
const IN_ZIP64 = 0xffff_ffff;
const END_BYTES = 22;
const COMMENT_BYTES_MAX = 0xffff;
const DIRECTORY_BYTES_MAX = 64 << 20;
/** What one inflated entry may take in memory. */
const INFLATED_BYTES_MAX = 2 ** 31;

export interface ZipEntry {
  readonly name: string;
  readonly lengthBytes: number;
  /** @throws InputError, UnsupportedError for an entry that is broken, encrypted or too large to be inflated. */
  open(): ByteSource;
}

/** Reads the central directory; names are unique. @throws InputError `ZIP_BROKEN`, `ZIP_TWICE`. */
export function readZip(path: string): ZipEntry[] {
  const fileBytes = statSync(path).size;
  const tail = Buffer.from(readTail(path, fileBytes));
  let end = tail.length - END_BYTES;
  while (end >= 0 && tail.readUInt32LE(end) !== END_OF_DIRECTORY) end--;
  if (end < 0) throw broken(path, 'the archive has no directory; it is cut off', { found: `${fileBytes} bytes` });
  let count = tail.readUInt16LE(end + 10);
  let directoryBytes = tail.readUInt32LE(end + 12);
  let directoryAt = tail.readUInt32LE(end + 16);
  if (end >= 20 && tail.readUInt32LE(end - 20) === ZIP64_LOCATOR) {
    const zip64 = Buffer.from(readBytes(path, Number(tail.readBigUInt64LE(end - 12)), 56));
    if (zip64.readUInt32LE(0) !== ZIP64_END) throw broken(path, 'its ZIP64 directory is missing', {});
    count = Number(zip64.readBigUInt64LE(32));
    directoryBytes = Number(zip64.readBigUInt64LE(40));
    directoryAt = Number(zip64.readBigUInt64LE(48));
  }
  if (directoryBytes > DIRECTORY_BYTES_MAX || directoryAt + directoryBytes > fileBytes) {
    throw broken(path, 'the directory of the archive lies outside of it', { found: `${directoryBytes} bytes` });
  }
  return parseDirectory(path, Buffer.from(readBytes(path, directoryAt, directoryBytes)), count);
}

function readTail(path: string, fileBytes: number): Uint8Array {
  const length = Math.min(fileBytes, END_BYTES + COMMENT_BYTES_MAX);
  return readBytes(path, fileBytes - length, length);
}

function parseDirectory(path: string, directory: Buffer, count: number): ZipEntry[] {
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== CENTRAL_HEADER) {
      throw broken(path, 'the directory of the archive is broken', { found: `${i} of ${count} entries` });
    }
    const nameBytes = directory.readUInt16LE(at + 28);
    const extraBytes = directory.readUInt16LE(at + 30);
    const name = directory.toString('utf8', at + 46, at + 46 + nameBytes);
    const extra = directory.subarray(at + 46 + nameBytes, at + 46 + nameBytes + extraBytes);
    const sizes = zip64Sizes(extra, {
      lengthBytes: directory.readUInt32LE(at + 24),
      storedBytes: directory.readUInt32LE(at + 20),
      headerAt: directory.readUInt32LE(at + 42),
    });
    const flags = directory.readUInt16LE(at + 8);
    const method = directory.readUInt16LE(at + 10);
    if (entries.has(name)) throw twice(path, name);
    entries.set(name, {
      name,
      lengthBytes: sizes.lengthBytes,
      open: () => openEntry(path, { name, flags, method, ...sizes }),
    });
    at += 46 + nameBytes + extraBytes + directory.readUInt16LE(at + 32);
  }
  return [...entries.values()];
}

interface Sizes {
  readonly lengthBytes: number;
  readonly storedBytes: number;
  readonly headerAt: number;
}

/** Sizes of 4 GiB and more stand in an extra field, in this order and only those that do not fit. */
function zip64Sizes(extra: Buffer, sizes: Sizes): Sizes {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== ZIP64_FIELD) continue;
    let next = at + 4;
    const wide = (narrow: number): number => {
      if (narrow !== IN_ZIP64 || next + 8 > extra.length) return narrow;
      next += 8;
      return Number(extra.readBigUInt64LE(next - 8));
    };
    const lengthBytes = wide(sizes.lengthBytes);
    const storedBytes = wide(sizes.storedBytes);
    return { lengthBytes, storedBytes, headerAt: wide(sizes.headerAt) };
  }
  return sizes;
}

function openEntry(
  archive: string,
  entry: Sizes & { readonly name: string; readonly flags: number; readonly method: number },
): ByteSource {
  const { name, flags, method, lengthBytes, storedBytes, headerAt } = entry;
  const path = `${archive}, ${name}`;
  if ((flags & 1) !== 0 || (method !== 0 && method !== 8)) {
    throw new UnsupportedError(`${path}: the entry is encrypted or packed in another way than deflate.`, {
      code: 'ZIP_UNSUPPORTED',
      facts: { found: `method ${method}, flags ${flags}` },
      hint: 'write the archive with numpy.savez.',
    });
  }
  const local = Buffer.from(readBytes(archive, headerAt, 30));
  if (local.readUInt32LE(0) !== LOCAL_HEADER) throw broken(archive, `the entry ${name} is not where it should be`, {});
  const dataAt = headerAt + 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
  const packed = fileRange(archive, dataAt, storedBytes);
  if (method === 0) return { ...packed, path };
  if (lengthBytes > INFLATED_BYTES_MAX) {
    throw new UnsupportedError(`${path}: the compressed array is too large to be held in memory.`, {
      code: 'ZIP_TOO_LARGE',
      facts: { found: `${lengthBytes} bytes`, wanted: `at most ${INFLATED_BYTES_MAX} bytes` },
      hint: 'write it with numpy.savez instead of numpy.savez_compressed, so that rows are read from disk.',
    });
  }
  let bytes: Buffer;
  try {
    bytes = inflateRawSync(packed.read(0, storedBytes), { maxOutputLength: Math.max(1, lengthBytes) });
  } catch (cause) {
    throw broken(archive, `the entry ${name} cannot be inflated`, { found: (cause as Error).message });
  }
  if (bytes.length !== lengthBytes) {
    throw broken(archive, `the entry ${name} is shorter than its directory says`, {
      found: `${bytes.length} bytes`,
      wanted: `${lengthBytes} bytes`,
    });
  }
  return memoryBytes(path, bytes);
}

/** Readers differ in which of the two they take. */
function twice(path: string, name: string): InputError {
  return new InputError(`${path}: two entries of the archive have one name.`, {
    code: 'ZIP_TWICE',
    facts: { found: name, wanted: 'an entry of each name' },
    hint: 'an array was appended to an archive that had it already: write the archive again with numpy.savez.',
  });
}

function broken(path: string, what: string, facts: Readonly<Record<string, string>>): InputError {
  return new InputError(`${path}: ${what}.`, { code: 'ZIP_BROKEN', facts, hint: 'write the archive again.' });
}
