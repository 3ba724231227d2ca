// The records of a ZIP archive around its data, written and read: what a bundle's archive may have in them, and nothing else.
// Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12, 4.3.14 to 4.3.16 and 4.5.3 (ZIP64, only where a field needs it).

const LOCAL = 0x0403_4b50;
const CENTRAL = 0x0201_4b50;
const END = 0x0605_4b50;
const END_64 = 0x0606_4b50;
const LOCATOR_64 = 0x0706_4b50;
export const CENTRAL_BYTES = 46;
export const END_BYTES = 22;
const END_64_BYTES = 56;
const LOCATOR_64_BYTES = 20;
export const STORED = 0;
export const DEFLATED = 8;
/** 2.0: deflate; 4.5: ZIP64. */
const VERSION = 20;
const VERSION_64 = 45;
/** UTF-8 names. */
const FLAGS = 0x0800;
/** 1 January 1980, the first day that the format has: no clock in an artefact. */
const DATE = 0x0021;
const IN_ZIP64 = 0xffff_ffff;
const ZIP64_TAG = 1;

export interface ZipEntry {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly storedBytes: number;
  readonly lengthBytes: number;
  /** Where its local header begins. */
  readonly at: number;
}

/** @param large - from so many bytes on a field is in ZIP64; below 2^32 in tests alone. */
export interface ZipLimits {
  readonly large: number;
}

export const ZIP_LIMITS: ZipLimits = { large: IN_ZIP64 };

/** Signature to name and extra field. */
export function localHeader(entry: ZipEntry, limits: ZipLimits): Buffer {
  const isLarge = hasLargeSizes(entry, limits);
  const extra = isLarge ? zip64Extra(entry.lengthBytes, entry.storedBytes) : Buffer.alloc(0);
  return Buffer.concat([uint32(LOCAL), fields(entry, isLarge, isLarge, extra.length), Buffer.from(entry.name), extra]);
}

export function centralHeader(entry: ZipEntry, limits: ZipLimits): Buffer {
  const isLarge = hasLargeSizes(entry, limits);
  const isFar = entry.at >= limits.large;
  const values = [...(isLarge ? [entry.lengthBytes, entry.storedBytes] : []), ...(isFar ? [entry.at] : [])];
  const extra = values.length === 0 ? Buffer.alloc(0) : zip64Extra(...values);
  const rest = Buffer.alloc(14);
  rest.writeUInt32LE(isFar ? IN_ZIP64 : entry.at, 10);
  const madeBy = Buffer.alloc(2);
  madeBy.writeUInt16LE(isLarge || isFar ? VERSION_64 : VERSION);
  const own = fields(entry, isLarge, isLarge || isFar, extra.length);
  return Buffer.concat([uint32(CENTRAL), madeBy, own, rest, Buffer.from(entry.name), extra]);
}

export interface ZipDirectory {
  readonly count: number;
  readonly at: number;
  readonly bytes: number;
}

export function endRecords({ count, at, bytes }: ZipDirectory, { large }: ZipLimits): Buffer {
  const isFar = at >= large;
  const end = Buffer.alloc(END_BYTES);
  end.writeUInt32LE(END, 0);
  end.writeUInt16LE(count, 8);
  end.writeUInt16LE(count, 10);
  end.writeUInt32LE(bytes, 12);
  end.writeUInt32LE(isFar ? IN_ZIP64 : at, 16);
  if (!isFar) return end;
  const record = Buffer.alloc(END_64_BYTES);
  record.writeUInt32LE(END_64, 0);
  record.writeBigUInt64LE(BigInt(END_64_BYTES - 12), 4);
  record.writeUInt16LE(VERSION_64, 12);
  record.writeUInt16LE(VERSION_64, 14);
  record.writeBigUInt64LE(BigInt(count), 24);
  record.writeBigUInt64LE(BigInt(count), 32);
  record.writeBigUInt64LE(BigInt(bytes), 40);
  record.writeBigUInt64LE(BigInt(at), 48);
  const locator = Buffer.alloc(LOCATOR_64_BYTES);
  locator.writeUInt32LE(LOCATOR_64, 0);
  locator.writeBigUInt64LE(BigInt(at + bytes), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([record, locator, end]);
}

/** Bytes of all that `endRecords` may write. */
export const END_BYTES_MAX: number = END_64_BYTES + LOCATOR_64_BYTES + END_BYTES;

/**
 * The directory that an archive's last bytes tell of; whoever reads on compares with `endRecords`.
 *
 * @param tail - of the archive, at most END_BYTES_MAX.
 */
export function parseEnd(tail: Buffer): ZipDirectory | undefined {
  const endAt = tail.length - END_BYTES;
  if (endAt < 0 || tail.readUInt32LE(endAt) !== END) return undefined;
  const plain = {
    count: tail.readUInt16LE(endAt + 10),
    at: tail.readUInt32LE(endAt + 16),
    bytes: tail.readUInt32LE(endAt + 12),
  };
  if (plain.at !== IN_ZIP64) return plain;
  if (tail.length < END_BYTES_MAX) return undefined;
  return { ...plain, at: Number(tail.readBigUInt64LE(tail.length - END_BYTES_MAX + 48)) };
}

export interface CentralRecord {
  readonly entry: ZipEntry;
  readonly bytes: number;
}

/** The entry that a record tells of; whoever reads on compares with `centralHeader`. @param record - from its signature on. */
export function parseCentral(record: Buffer): CentralRecord | undefined {
  if (record.length < CENTRAL_BYTES || record.readUInt32LE(0) !== CENTRAL) return undefined;
  const [nameBytes, extraBytes] = [record.readUInt16LE(28), record.readUInt16LE(30)];
  const bytes = CENTRAL_BYTES + nameBytes + extraBytes;
  if (record.length < bytes) return undefined;
  let extraAt = CENTRAL_BYTES + nameBytes + 4;
  const number = (at: number): number => {
    const value = record.readUInt32LE(at);
    if (value !== IN_ZIP64) return value;
    if (extraAt + 8 > bytes) return value;
    extraAt += 8;
    return Number(record.readBigUInt64LE(extraAt - 8));
  };
  const lengthBytes = number(24);
  const storedBytes = number(20);
  const entry = {
    name: record.toString('utf8', CENTRAL_BYTES, CENTRAL_BYTES + nameBytes),
    method: record.readUInt16LE(10),
    crc: record.readUInt32LE(16),
    storedBytes,
    lengthBytes,
    at: number(42),
  };
  return { entry, bytes };
}

/** Version, flags, method, date, checksum, sizes, lengths of name and extra field: what both headers have. */
function fields(entry: ZipEntry, isLarge: boolean, isZip64: boolean, extraBytes: number): Buffer {
  const { name, method, crc, storedBytes, lengthBytes } = entry;
  const bytes = Buffer.alloc(26);
  bytes.writeUInt16LE(isZip64 ? VERSION_64 : VERSION, 0);
  bytes.writeUInt16LE(FLAGS, 2);
  bytes.writeUInt16LE(method, 4);
  bytes.writeUInt16LE(DATE, 8);
  bytes.writeUInt32LE(crc, 10);
  bytes.writeUInt32LE(isLarge ? IN_ZIP64 : storedBytes, 14);
  bytes.writeUInt32LE(isLarge ? IN_ZIP64 : lengthBytes, 18);
  bytes.writeUInt16LE(Buffer.byteLength(name), 22);
  bytes.writeUInt16LE(extraBytes, 24);
  return bytes;
}

function hasLargeSizes({ lengthBytes, storedBytes }: ZipEntry, { large }: ZipLimits): boolean {
  return lengthBytes >= large || storedBytes >= large;
}

function zip64Extra(...values: number[]): Buffer {
  const extra = Buffer.alloc(4 + 8 * values.length);
  extra.writeUInt16LE(ZIP64_TAG, 0);
  extra.writeUInt16LE(8 * values.length, 2);
  for (const [i, value] of values.entries()) extra.writeBigUInt64LE(BigInt(value), 4 + 8 * i);
  return extra;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
