// One file of the weight cache: a header of our own, then a packed matrix exactly as DRAM holds it.
// Source: n150-numerics A.5 (payload), E (file names). ttnn's own header depends on its build and is not imitated.
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
const FILE_VERSION = 1;

/** What a matrix was packed from and how; a file that says anything else is made again. */
export interface CacheIdentity {
  readonly checkpointSha256: string;
  readonly rounding: HostBfpRounding;
  readonly format: WeightFormat;
  readonly k: number;
  readonly n: number;
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
  payloadBytes: z.int().positive(),
  payloadCrc32: z.int().nonnegative(),
});

/** Why a file cannot be used, in a few words, or its header. */
export type CacheFileState =
  | { readonly header: CacheFileHeader; readonly problem?: undefined }
  | { readonly header?: undefined; readonly problem: string };

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
  const { checkpointSha256, rounding, format, k, n } = identity;
  const header: CacheFileHeader = {
    version: FILE_VERSION,
    checkpointSha256,
    rounding,
    format,
    k,
    n,
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

/** Reads the header and checks it and the file's length; the payload is not read. */
export function inspectCacheFile(path: string, wanted: CacheIdentity): CacheFileState {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    return { problem: (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'missing' : 'unreadable' };
  }
  try {
    const head = Buffer.alloc(CACHE_HEADER_BYTES);
    if (readSync(file, head, 0, CACHE_HEADER_BYTES, 0) < CACHE_HEADER_BYTES) return { problem: 'truncated' };
    const header = parseHeader(head);
    if (header === undefined) return { problem: 'foreign' };
    for (const key of ['checkpointSha256', 'rounding', 'format', 'k', 'n'] as const) {
      if (header[key] !== wanted[key]) return { problem: `stale: ${key} is ${header[key]}, wanted ${wanted[key]}` };
    }
    const bytes = fstatSync(file).size;
    const payloadBytes = packedBytes(wanted.format, wanted.k, wanted.n);
    if (header.payloadBytes !== payloadBytes) return { problem: 'foreign' };
    if (bytes !== CACHE_HEADER_BYTES + payloadBytes) return { problem: 'truncated' };
    return { header };
  } catch {
    return { problem: 'unreadable' };
  } finally {
    closeSync(file);
  }
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
