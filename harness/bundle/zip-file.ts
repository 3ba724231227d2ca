// A small ZIP archive in memory: written the same for the same entries, read with distrust: only names that are expected, each once,
// nothing between or behind the entries, no more bytes than the directory says, every checksum compared.
// Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16; no ZIP64, no encryption, methods stored and deflate.
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import { InputError } from '../../src/errors.ts';
import { printable } from '../../src/text/printable.ts';

const LOCAL = 0x0403_4b50;
const CENTRAL = 0x0201_4b50;
const END = 0x0605_4b50;
const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const END_BYTES = 22;
const STORED = 0;
const DEFLATED = 8;
/** 2.0: deflate. */
const VERSION = 20;
/** UTF-8 names. */
const FLAGS = 0x0800;
/** 1 January 1980, the first day that the format has: no clock in an artefact. */
const DATE = 0x0021;
/** Everything is held in memory, and 32-bit fields end at 4 GiB. */
export const ARCHIVE_BYTES_MAX: number = 2 ** 31;

export interface ArchiveEntry {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** @returns the archive; its bytes depend on the entries and on this Node's zlib only. */
export function packArchive(entries: readonly ArchiveEntry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const { name, bytes } of entries) {
    const deflated = deflateRawSync(bytes, { level: 9 });
    const isSmaller = deflated.length < bytes.length;
    const data = isSmaller ? deflated : bytes;
    const encoded = Buffer.from(name);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(VERSION, 0);
    fields.writeUInt16LE(FLAGS, 2);
    fields.writeUInt16LE(isSmaller ? DEFLATED : STORED, 4);
    fields.writeUInt16LE(DATE, 8);
    fields.writeUInt32LE(crc32(bytes), 10);
    fields.writeUInt32LE(data.length, 14);
    fields.writeUInt32LE(bytes.length, 18);
    fields.writeUInt16LE(encoded.length, 22);
    const local = Buffer.concat([uint32(LOCAL), fields, encoded]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(at, 10);
    const version = Buffer.alloc(2);
    version.writeUInt16LE(VERSION);
    directory.push(Buffer.concat([uint32(CENTRAL), version, fields, rest, encoded]));
    parts.push(local, data);
    at += local.length + data.length;
  }
  const directoryBytes = directory.reduce((sum, { length }) => sum + length, 0);
  const end = Buffer.alloc(END_BYTES);
  end.writeUInt32LE(END, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directoryBytes, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

/**
 * Reads an archive of `packArchive`, as far as it can be told from another: any other form is refused.
 *
 * @param path - for messages.
 * @param limitOf - most bytes of an entry; undefined for a name that nothing may have.
 * @throws InputError BUNDLE_BROKEN.
 */
export function unpackArchive(
  path: string,
  archive: Buffer,
  limitOf: (name: string) => number | undefined,
): ReadonlyMap<string, Buffer> {
  const refuse = (found: string, wanted: string): InputError =>
    new InputError(`${path}: this is no bundle of qwen-pcc, or a damaged one.`, {
      code: 'BUNDLE_BROKEN',
      facts: { found: printable(found), wanted },
      hint: 'copy it again, or write it anew with `qwen-pcc inspect --token N --bundle FILE`.',
    });
  const endAt = archive.length - END_BYTES;
  if (endAt < 0 || archive.readUInt32LE(endAt) !== END) {
    throw refuse(`${archive.length} bytes without the end of an archive`, 'a whole ZIP archive without a comment');
  }
  const count = archive.readUInt16LE(endAt + 10);
  const directoryAt = archive.readUInt32LE(endAt + 16);
  const isWhole =
    archive.readUInt16LE(endAt + 20) === 0 &&
    archive.readUInt16LE(endAt + 8) === count &&
    directoryAt + archive.readUInt32LE(endAt + 12) === endAt;
  if (!isWhole)
    throw refuse('a directory that does not end where the archive does', 'nothing beside entries and directory');
  const entries = new Map<string, Buffer>();
  let at = directoryAt;
  let dataEnd = 0;
  for (let i = 0; i < count; i++) {
    if (at + CENTRAL_BYTES > endAt || archive.readUInt32LE(at) !== CENTRAL) {
      throw refuse(`a directory of ${i} entries`, `${count} entries`);
    }
    const fields = archive.subarray(at + 6, at + 32);
    const nameBytes = fields.readUInt16LE(22);
    const name = archive.toString('utf8', at + CENTRAL_BYTES, Math.min(endAt, at + CENTRAL_BYTES + nameBytes));
    const where = `entry ${JSON.stringify(name.slice(0, 80))}`;
    const limit = limitOf(name);
    if (limit === undefined) throw refuse(where, 'the entries of a bundle alone');
    if (entries.has(name)) throw refuse(`${where} twice`, 'each entry once');
    const [method, storedBytes, lengthBytes] = [
      fields.readUInt16LE(4),
      fields.readUInt32LE(14),
      fields.readUInt32LE(18),
    ];
    if (lengthBytes > limit) throw refuse(`${where} of ${lengthBytes} bytes`, `at most ${limit} bytes`);
    if ((fields.readUInt16LE(2) & ~FLAGS) !== 0 || (method !== STORED && method !== DEFLATED)) {
      throw refuse(`${where}, method ${method}, flags ${fields.readUInt16LE(2)}`, 'stored or deflated, no encryption');
    }
    if (fields.readUInt16LE(24) + archive.readUInt16LE(at + 32) > 0) throw refuse(`${where} with extra fields`, 'none');
    const headerAt = archive.readUInt32LE(at + 42);
    const dataAt = headerAt + LOCAL_BYTES + nameBytes;
    const isInPlace =
      headerAt === dataEnd &&
      dataAt + storedBytes <= directoryAt &&
      archive.readUInt32LE(headerAt) === LOCAL &&
      archive.subarray(headerAt + 4, headerAt + LOCAL_BYTES).equals(fields) &&
      archive.toString('utf8', headerAt + LOCAL_BYTES, dataAt) === name;
    if (!isInPlace) throw refuse(`${where} that is not where the directory says`, 'entries one after the other');
    const data = archive.subarray(dataAt, dataAt + storedBytes);
    const bytes = method === STORED ? data : inflated(data, lengthBytes);
    if (bytes?.length !== lengthBytes || crc32(bytes) !== fields.readUInt32LE(10)) {
      throw refuse(`${where} with other bytes than its checksum is of`, `${lengthBytes} bytes as they were written`);
    }
    entries.set(name, bytes);
    dataEnd = dataAt + storedBytes;
    at += CENTRAL_BYTES + nameBytes;
  }
  if (dataEnd !== directoryAt || at !== endAt)
    throw refuse('bytes that belong to no entry', 'nothing beside the entries');
  return entries;
}

/** Undefined if it is no deflate stream, or one of more bytes. */
function inflated(data: Buffer, lengthBytes: number): Buffer | undefined {
  try {
    return inflateRawSync(data, { maxOutputLength: Math.max(1, lengthBytes) });
  } catch {
    return undefined;
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
