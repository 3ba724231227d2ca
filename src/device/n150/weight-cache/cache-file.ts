// One file of the weight cache: a header of our own, then a packed matrix exactly as DRAM holds it.
// Source: n150-numerics A.5 (payload), E (file names). ttnn's own header depends on its build and is not imitated.
// The header says everything that decides a byte of the payload, and is compared whenever the payload is read.
//
// Bytes 0 … 4095: "QPCCTILE", u32 length of the JSON that follows (little-endian), JSON (CacheFileHeader), spaces.
// Bytes 4096 … : the tiles. The file ends with them.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { unwritable } from '../../../checkpoint/safetensors.ts';
import { HOST_BFP_ROUNDINGS, type HostBfpRounding } from '../../../numerics/block-float-host.ts';
import { packedBytes } from '../../../tensor/tile-layout.ts';
import type { PackedMatrix, WeightFormat } from '../../wormhole/matmul-engine.ts';

/** Where the tiles begin: a page, so that reading them is aligned. */
export const CACHE_HEADER_BYTES = 4096;

const MAGIC = 'QPCCTILE';
const FIXED_BYTES = MAGIC.length + 4;
/** Raised by whoever changes what the same identity is packed to, or how it is written down. */
export const FILE_VERSION = 2;

/** What a matrix was packed from and how; a file that says anything else is made again. */
export interface CacheIdentity {
  readonly checkpointSha256: string;
  readonly rounding: HostBfpRounding;
  readonly format: WeightFormat;
  readonly k: number;
  readonly n: number;
  /** Tensors of the checkpoint, one after the other, as `NAME ROWS from FIRST`. */
  readonly parts: readonly string[];
}

export interface CacheFileHeader extends CacheIdentity {
  readonly version: number;
  readonly payloadBytes: number;
  /** CRC-32 of the payload, as zlib computes it. */
  readonly payloadCrc32: number;
}

const headerSchema: z.ZodType<CacheFileHeader> = z.strictObject({
  version: z.literal(FILE_VERSION),
  checkpointSha256: z.string(),
  rounding: z.enum(HOST_BFP_ROUNDINGS),
  format: z.enum(['BFP8_B', 'BFP4_B', 'BF16']),
  k: z.int().positive(),
  n: z.int().positive(),
  parts: z.array(z.string()),
  payloadBytes: z.int().positive(),
  payloadCrc32: z.int().nonnegative(),
});

/** A file that can be used, open for reading, or why not, in a few words. */
export type OpenedCacheFile =
  | { readonly file: number; readonly header: CacheFileHeader; readonly stamp: string; readonly problem?: undefined }
  | { readonly problem: string };

const DTYPE_NAMES: Readonly<Record<WeightFormat, string>> = {
  BFP8_B: 'BFLOAT8_B',
  BFP4_B: 'BFLOAT4_B',
  BF16: 'BFLOAT16',
};

/** The name that ttnn.as_tensor gives a tensor spread over a mesh of one device. */
export function cacheFileName(baseName: string, format: WeightFormat): string {
  return `${baseName}_multi_device_1_dtype_${DTYPE_NAMES[format]}_layout_TILE.bin`;
}

/** One write call's most: Linux stops at 2^31 - 4096 bytes. */
const WRITE_BYTES_MAX = 1 << 30;

/** Temporary files so far: a process may write one cache file twice at once. */
let temporaryFiles = 0;

/**
 * Writes under a temporary name, then renames: no reader and no interrupted writer ever sees half a file.
 *
 * @param matrix - its tiles must stay as they are until the promise settles.
 * @throws InputError `FILE_WRITE` if the disk refuses.
 */
export async function writeCacheFile(path: string, identity: CacheIdentity, matrix: PackedMatrix): Promise<void> {
  const temporary = `${path}.${temporaryFiles++}.${process.pid}.tmp`;
  try {
    const file = await open(temporary, 'w');
    try {
      await writeFully(file, encodeHeader(identity, matrix));
      await writeFully(file, matrix.tiles);
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw unwritable(path, cause);
  }
}

/** The process that writes a temporary file of this name, or wrote it; undefined if the name is another one. */
export function writerOf(fileName: string): number | undefined {
  const pid = /\.bin\.\d+\.(\d+)\.tmp$/.exec(fileName)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

async function writeFully(file: FileHandle, data: Uint8Array): Promise<void> {
  for (let done = 0; done < data.length; ) {
    const { bytesWritten } = await file.write(data, done, Math.min(WRITE_BYTES_MAX, data.length - done));
    done += bytesWritten;
  }
}

function encodeHeader(identity: CacheIdentity, { tiles }: PackedMatrix): Uint8Array {
  const { checkpointSha256, rounding, format, k, n, parts } = identity;
  const header: CacheFileHeader = {
    version: FILE_VERSION,
    checkpointSha256,
    rounding,
    format,
    k,
    n,
    parts,
    payloadBytes: tiles.length,
    payloadCrc32: crc32(tiles),
  };
  const json = Buffer.from(JSON.stringify(header));
  const head = Buffer.alloc(CACHE_HEADER_BYTES, ' ');
  head.write(MAGIC, 'latin1');
  head.writeUInt32LE(json.length, MAGIC.length);
  json.copy(head, FIXED_BYTES);
  return head;
}

/** Whether the file is there and of this identity, by its header and length; undefined if so, else why not. */
export function cacheFileProblem(path: string, wanted: CacheIdentity): string | undefined {
  const opened = openCacheFile(path, wanted);
  if (opened.problem !== undefined) return opened.problem;
  closeSync(opened.file);
  return undefined;
}

/**
 * Opens a file and compares its header with what is wanted. What is read from `file` then is of that header, whatever is renamed
 * over the path meanwhile; the caller closes it.
 *
 * @returns also a `stamp`, another one after each change to the file or replacement of it.
 */
export function openCacheFile(path: string, wanted: CacheIdentity): OpenedCacheFile {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    return { problem: (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'missing' : 'unreadable' };
  }
  let opened: OpenedCacheFile = { problem: 'unreadable' };
  try {
    opened = checkHeader(file, wanted);
  } catch {}
  if (opened.problem !== undefined) closeSync(file);
  return opened;
}

function checkHeader(file: number, wanted: CacheIdentity): OpenedCacheFile {
  const { dev, ino, size, mtimeNs, ctimeNs } = fstatSync(file, { bigint: true });
  const head = Buffer.alloc(CACHE_HEADER_BYTES);
  if (readSync(file, head, 0, CACHE_HEADER_BYTES, 0) < CACHE_HEADER_BYTES) return { problem: 'truncated' };
  const header = parseHeader(head);
  if (header === undefined) return { problem: 'foreign' };
  for (const key of ['checkpointSha256', 'rounding', 'format', 'k', 'n', 'parts'] as const) {
    const [found, asked] = [String(header[key]), String(wanted[key])];
    if (found !== asked) return { problem: `stale: ${key} is ${found}, wanted ${asked}` };
  }
  const payloadBytes = packedBytes(wanted.format, wanted.k, wanted.n);
  if (header.payloadBytes !== payloadBytes) return { problem: 'foreign' };
  if (size !== BigInt(CACHE_HEADER_BYTES + payloadBytes)) return { problem: 'truncated' };
  return { file, header, stamp: [dev, ino, size, mtimeNs, ctimeNs].join(' ') };
}

function parseHeader(head: Buffer): CacheFileHeader | undefined {
  if (head.toString('latin1', 0, MAGIC.length) !== MAGIC) return undefined;
  const length = head.readUInt32LE(MAGIC.length);
  if (length > CACHE_HEADER_BYTES - FIXED_BYTES) return undefined;
  try {
    return headerSchema.parse(JSON.parse(head.toString('utf8', FIXED_BYTES, FIXED_BYTES + length)));
  } catch {
    return undefined;
  }
}
