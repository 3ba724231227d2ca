// A ZIP archive, written the same for the same entries, read with distrust: only names that are expected, each once, nothing between or
// behind the entries, no header but the one that we would write, no more bytes than it says, every checksum compared. Large entries
// are stored and pass through in pieces, so that no archive has to fit into memory.
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import { InputError } from '../../src/errors.ts';
import { printable } from '../../src/text/printable.ts';
import {
  centralHeader,
  DEFLATED,
  END_BYTES_MAX,
  endRecords,
  localHeader,
  parseCentral,
  parseEnd,
  STORED,
  ZIP_LIMITS,
  type ZipEntry,
  type ZipLimits,
} from './zip-records.ts';

/** Of one read or write of a stored entry. */
const PIECE_BYTES = 1 << 22;
/** Deflated entries are made and inflated in memory. */
const DEFLATED_BYTES_MAX = 2 ** 30;
const DIRECTORY_BYTES_MAX = 1 << 20;

export interface ArchiveEntry {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** An entry that is stored as it comes. */
export interface StreamedEntry {
  readonly name: string;
  /** Of all pieces. */
  readonly lengthBytes: number;
  readonly pieces: () => Iterable<Uint8Array>;
}

/** Where an archive goes: on at the end, and back to a header whose checksum is known by then. */
export interface ArchiveSink {
  readonly append: (bytes: Uint8Array) => void;
  readonly writeAt: (at: number, bytes: Uint8Array) => void;
}

export class ArchiveWriter {
  readonly #sink: ArchiveSink;
  readonly #limits: ZipLimits;
  readonly #entries: ZipEntry[] = [];
  #at = 0;

  constructor(sink: ArchiveSink, limits: ZipLimits = ZIP_LIMITS) {
    this.#sink = sink;
    this.#limits = limits;
  }

  /** Deflated where that is smaller; the bytes depend on the entry and on this Node's zlib only. */
  add({ name, bytes }: ArchiveEntry): void {
    const deflated = deflateRawSync(bytes, { level: 9 });
    const isSmaller = deflated.length < bytes.length;
    const data = isSmaller ? deflated : bytes;
    const method = isSmaller ? DEFLATED : STORED;
    const sizes = { storedBytes: data.length, lengthBytes: bytes.length };
    const entry: ZipEntry = { name, method, crc: crc32(bytes), ...sizes, at: this.#at };
    this.#append(localHeader(entry, this.#limits));
    this.#append(data);
    this.#entries.push(entry);
  }

  /** @param onPiece - told every piece on its way. */
  addStream({ name, lengthBytes, pieces }: StreamedEntry, onPiece: (piece: Uint8Array) => void): void {
    const entry = { name, method: STORED, storedBytes: lengthBytes, lengthBytes, at: this.#at };
    this.#append(localHeader({ ...entry, crc: 0 }, this.#limits));
    let crc = 0;
    for (const piece of pieces()) {
      crc = crc32(piece, crc);
      onPiece(piece);
      this.#append(piece);
    }
    this.#sink.writeAt(entry.at, localHeader({ ...entry, crc }, this.#limits));
    this.#entries.push({ ...entry, crc });
  }

  finish(): void {
    const at = this.#at;
    for (const entry of this.#entries) this.#append(centralHeader(entry, this.#limits));
    this.#append(endRecords({ count: this.#entries.length, at, bytes: this.#at - at }, this.#limits));
  }

  #append(bytes: Uint8Array): void {
    this.#sink.append(bytes);
    this.#at += bytes.length;
  }
}

/** Any run of an archive's bytes. */
export interface ArchiveBytes {
  readonly length: number;
  /** @throws for bytes that are not there. */
  readonly read: (at: number, bytes: number) => Buffer;
}

/** An entry of an archive that hangs together; its bytes are checked as they are read. */
export interface ReadableEntry {
  readonly lengthBytes: number;
  /** Whole. @throws InputError BUNDLE_BROKEN. */
  readonly read: () => Buffer;
  /** In pieces, the checksum compared after the last. @throws InputError BUNDLE_BROKEN. */
  readonly pieces: () => Iterable<Buffer>;
}

/**
 * Reads an archive of `ArchiveWriter`, as far as it can be told from another: any other form is refused.
 *
 * @param path - for messages.
 * @param limitOf - most bytes of an entry; undefined for a name that nothing may have.
 * @throws InputError BUNDLE_BROKEN.
 */
export function readArchive(
  path: string,
  archive: ArchiveBytes,
  limitOf: (name: string) => number | undefined,
  limits: ZipLimits = ZIP_LIMITS,
): ReadonlyMap<string, ReadableEntry> {
  const refuse = (found: string, wanted: string): InputError =>
    new InputError(`${path}: this is no bundle of qwen-pcc, or a damaged one.`, {
      code: 'BUNDLE_BROKEN',
      facts: { found: printable(found), wanted },
      hint: 'copy it again, or write it anew with `qwen-pcc inspect --token N --bundle FILE`.',
    });
  const tail = archive.read(Math.max(0, archive.length - END_BYTES_MAX), Math.min(END_BYTES_MAX, archive.length));
  const directory = parseEnd(tail);
  if (directory === undefined) {
    throw refuse(`${archive.length} bytes without the end of an archive`, 'a whole ZIP archive without a comment');
  }
  const ending = endRecords(directory, limits);
  const isWhole =
    directory.bytes <= DIRECTORY_BYTES_MAX &&
    directory.at + directory.bytes + ending.length === archive.length &&
    tail.subarray(tail.length - ending.length).equals(ending);
  if (!isWhole)
    throw refuse('a directory that does not end where the archive does', 'nothing beside entries and directory');
  const records = archive.read(directory.at, directory.bytes);
  const entries = new Map<string, ReadableEntry>();
  let at = 0;
  let dataEnd = 0;
  for (let i = 0; i < directory.count; i++) {
    const record = parseCentral(records.subarray(at));
    if (record === undefined) throw refuse(`a directory of ${i} entries`, `${directory.count} entries`);
    const { entry } = record;
    const where = `entry ${JSON.stringify(entry.name.slice(0, 80))}`;
    const limit = limitOf(entry.name);
    if (limit === undefined) throw refuse(where, 'the entries of a bundle alone');
    if (entries.has(entry.name)) throw refuse(`${where} twice`, 'each entry once');
    if (entry.lengthBytes > limit) throw refuse(`${where} of ${entry.lengthBytes} bytes`, `at most ${limit} bytes`);
    const isKnown = entry.method === STORED || (entry.method === DEFLATED && entry.lengthBytes <= DEFLATED_BYTES_MAX);
    if (!isKnown || !records.subarray(at, at + record.bytes).equals(centralHeader(entry, limits))) {
      throw refuse(
        `${where}, method ${entry.method}, flags ${records.readUInt16LE(at + 8)}`,
        'stored or deflated, no encryption, the fields that qwen-pcc writes',
      );
    }
    const header = localHeader(entry, limits);
    const dataAt = entry.at + header.length;
    const isInPlace =
      entry.at === dataEnd &&
      dataAt + entry.storedBytes <= directory.at &&
      archive.read(entry.at, header.length).equals(header) &&
      (entry.method === DEFLATED || entry.storedBytes === entry.lengthBytes);
    if (!isInPlace) throw refuse(`${where} that is not where the directory says`, 'entries one after the other');
    const isOther = (): InputError =>
      refuse(`${where} with other bytes than its checksum is of`, `${entry.lengthBytes} bytes as they were written`);
    entries.set(entry.name, readableEntry(archive, entry, dataAt, isOther));
    dataEnd = dataAt + entry.storedBytes;
    at += record.bytes;
  }
  if (dataEnd !== directory.at || at !== directory.bytes)
    throw refuse('bytes that belong to no entry', 'nothing beside the entries');
  return entries;
}

function readableEntry(
  archive: ArchiveBytes,
  { method, lengthBytes, storedBytes, crc }: ZipEntry,
  dataAt: number,
  isOther: () => InputError,
): ReadableEntry {
  const read = (): Buffer => {
    const data = archive.read(dataAt, storedBytes);
    const bytes = method === STORED ? data : inflated(data, lengthBytes);
    if (bytes?.length !== lengthBytes || crc32(bytes) !== crc) throw isOther();
    return bytes;
  };
  return {
    lengthBytes,
    read,
    *pieces() {
      if (method !== STORED) {
        yield read();
        return;
      }
      let found = 0;
      for (let done = 0; done < storedBytes; done += PIECE_BYTES) {
        const piece = archive.read(dataAt + done, Math.min(PIECE_BYTES, storedBytes - done));
        found = crc32(piece, found);
        yield piece;
      }
      if (found !== crc) throw isOther();
    },
  };
}

/** Undefined if it is no deflate stream, or one of more bytes. */
function inflated(data: Buffer, lengthBytes: number): Buffer | undefined {
  try {
    return inflateRawSync(data, { maxOutputLength: Math.max(1, lengthBytes) });
  } catch {
    return undefined;
  }
}

/** A small archive in memory. */
export function packArchive(entries: readonly ArchiveEntry[], limits: ZipLimits = ZIP_LIMITS): Buffer {
  const parts: Uint8Array[] = [];
  const writer = new ArchiveWriter(
    {
      append: (bytes) => parts.push(bytes),
      writeAt: () => undefined,
    },
    limits,
  );
  for (const entry of entries) writer.add(entry);
  writer.finish();
  return Buffer.concat(parts);
}

/** Every entry of an archive in memory. @throws InputError BUNDLE_BROKEN as `readArchive`. */
export function unpackArchive(
  path: string,
  archive: Buffer,
  limitOf: (name: string) => number | undefined,
  limits: ZipLimits = ZIP_LIMITS,
): ReadonlyMap<string, Buffer> {
  const bytes = { length: archive.length, read: (at: number, count: number) => archive.subarray(at, at + count) };
  const entries = readArchive(path, bytes, limitOf, limits);
  return new Map(Array.from(entries, ([name, entry]) => [name, entry.read()] as const));
}
