// A checkpoint's packed matrices on disk: made once, checked, read again and again. Each checkpoint and recipe has a folder of its own.
// Source: n150-numerics E: file names of the original, and the beginning of the folder's.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Checkpoint } from '../../../checkpoint/weights.ts';
import { InputError } from '../../../errors.ts';
import { removeLeftovers } from '../../../files/remove-leftovers.ts';
import type { WeightFormat } from '../../wormhole/matmul-engine.ts';
import { hasNotFinite } from '../../wormhole/packed-finite.ts';
import {
  type CacheIdentity,
  cacheFileName,
  cacheFileProblem,
  FILE_VERSION,
  writeCacheFile,
  writerOf,
} from './cache-file.ts';
import { readPayload } from './read-payload.ts';
import { createWeightPacker, type WeightPacker } from './weight-packer.ts';
import type { WeightRecipe, WeightUnit } from './weight-units.ts';

/** Of the hash in a folder's name: 48 bits, for a handful of checkpoints and recipes. A collision would be seen by the headers. */
const KEY_DIGITS = 12;

/** Matrices in the making at once: one is packed while others are read or written. */
const LANES = 3;

const FOLDER_SUFFIX: Readonly<Record<WeightFormat, string>> = { BFP8_B: 'bfp8', BFP4_B: 'bfp4', BF16: 'bf16' };

/** Told after each unit that is in the cache; the last call has ready = total. */
export type CacheProgress = (ready: number, total: number) => void;

export interface WeightCache {
  readonly folder: string;
  /** Makes every file that is missing, stale, truncated or foreign, three matrices in memory at a time; Ctrl-C is heard meanwhile. */
  prepare(onProgress?: CacheProgress): Promise<void>;
  /**
   * Reads a matrix into `tiles`. Each read compares the file's header; a file that is read for the first time or was touched since has its
   * checksum checked. What is damaged, missing or another's is made again.
   *
   * @throws InputError `WEIGHT_CACHE_FILE`.
   */
  read(recipe: WeightRecipe, tiles: Uint8Array): Promise<void>;
}

/** The cache's sub-folder, as the original names it; each checkpoint and recipe adds its key to the name. */
export function cacheFolderName(format: WeightFormat, isInstruct: boolean): string {
  return `tensor_cache_${isInstruct ? 'instruct_' : ''}${FOLDER_SUFFIX[format]}`;
}

/**
 * Opens the cache of one checkpoint and recipe, beside those of others.
 *
 * @param folder - its path without the key that makes it this checkpoint's and recipe's.
 * @throws InputError `FILE_WRITE` if the folder cannot be made.
 */
export async function openWeightCache(
  folder: string,
  checkpoint: Checkpoint,
  units: readonly WeightUnit[],
): Promise<WeightCache> {
  const checkpointSha256 = await checkpoint.sha256();
  const ownFolder = keyedFolder(folder, checkpointSha256, units);
  makeFolder(ownFolder);
  removeLeftovers(ownFolder, writerOf);
  /** Stamps of the files whose checksum was found right. */
  const verified = new Map<string, string>();
  const pathOf = ({ baseName, format }: WeightRecipe): string => join(ownFolder, cacheFileName(baseName, format));

  function make(recipe: WeightRecipe, packer: LazyPacker): Promise<void> {
    const identity = identityOf(recipe, checkpointSha256);
    return packer().then(({ pack }) => pack(recipe, (matrix) => writeCacheFile(pathOf(recipe), identity, matrix)));
  }

  async function ensure(recipe: WeightRecipe, packer: LazyPacker): Promise<void> {
    const path = pathOf(recipe);
    const identity = identityOf(recipe, checkpointSha256);
    if (cacheFileProblem(path, identity) === undefined) return;
    await make(recipe, packer);
    const problem = cacheFileProblem(path, identity);
    if (problem !== undefined) throw unusable(path, problem);
  }

  /** @returns why the file's payload is not what its header says, or undefined once the tiles are right. */
  async function tryRead(recipe: WeightRecipe, tiles: Uint8Array): Promise<string | undefined> {
    const path = pathOf(recipe);
    const read = await readPayload(path, identityOf(recipe, checkpointSha256), tiles);
    if (read.problem !== undefined) return read.problem;
    if (verified.get(path) === read.stamp) return undefined;
    if (crc32(tiles) !== read.header.payloadCrc32) return 'damaged: the checksum is another one';
    // No packer of ours writes these; packing again says whose they are.
    if (hasNotFinite({ ...recipe, tiles })) return 'damaged: not finite';
    verified.set(path, read.stamp);
    return undefined;
  }

  return {
    folder: ownFolder,
    async prepare(onProgress = () => {}) {
      const packer = lazyPacker();
      const missing = units.map((unit) => unit.length);
      let ready = 0;
      const steps = units.flatMap((unit, index) => unit.map((recipe) => ({ recipe, index })));
      await inLanes(steps, async ({ recipe, index }) => {
        await ensure(recipe, packer);
        missing[index]! -= 1;
        if (missing[index] === 0) onProgress(++ready, units.length);
      });
    },
    async read(recipe, tiles) {
      if ((await tryRead(recipe, tiles)) === undefined) return;
      await make(recipe, lazyPacker());
      const problem = await tryRead(recipe, tiles);
      if (problem !== undefined) throw unusable(pathOf(recipe), problem);
    },
  };
}

/** Bytes of the files that a checkpoint and recipe have in a cache; nothing is hashed where there is no cache at all. */
export async function cachedBytes(
  folder: string,
  checkpoint: Checkpoint,
  units: readonly WeightUnit[],
): Promise<number> {
  const [parent, base] = [dirname(folder), basename(folder)];
  if (!existsSync(parent) || !readdirSync(parent).some((name) => name.startsWith(`${base}-`))) return 0;
  const ownFolder = keyedFolder(folder, await checkpoint.sha256(), units);
  const sizes = units.flat().map(({ baseName, format }) => {
    const path = join(ownFolder, cacheFileName(baseName, format));
    return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  });
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

/** Of all that decides a byte of any file, formats aside: those are in the files' names. */
function keyedFolder(folder: string, checkpointSha256: string, units: readonly WeightUnit[]): string {
  const matrices = units.flat().map((recipe) => {
    const { format: _, ...identity } = identityOf(recipe, checkpointSha256);
    return [recipe.baseName, identity];
  });
  const key = createHash('sha256')
    .update(JSON.stringify([FILE_VERSION, matrices]))
    .digest('hex');
  return `${folder}-${key.slice(0, KEY_DIGITS)}`;
}

function identityOf({ rounding, format, k, n, parts }: WeightRecipe, checkpointSha256: string): CacheIdentity {
  const rowsOf = parts.map(({ name, firstRow, rows }) => `${name} ${rows} from ${firstRow}`);
  return { checkpointSha256, rounding, format, k, n, parts: rowsOf };
}

function unusable(path: string, problem: string): InputError {
  return new InputError(`${path}: the cached weights cannot be used.`, {
    code: 'WEIGHT_CACHE_FILE',
    facts: { found: problem, wanted: 'the file that was just written' },
    hint: 'check the disk and its free space, and that nothing else writes to this folder',
  });
}

/** A packer that is made when it is first asked for: a cache that is there needs none. */
type LazyPacker = () => Promise<WeightPacker>;

function lazyPacker(): LazyPacker {
  let packer: Promise<WeightPacker> | undefined;
  return () => {
    packer ??= createWeightPacker();
    return packer;
  };
}

/** Works on the items in their order, LANES at once. After a failure no more are begun; those under way end before it is thrown. */
async function inLanes<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  let hasFailed = false;
  const lane = async (): Promise<void> => {
    for (const item of rest) {
      if (hasFailed) return;
      await work(item).catch((error) => {
        hasFailed = true;
        throw error;
      });
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: LANES }, lane));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    throw new InputError(`${folder}: the weight cache's folder cannot be made.`, {
      code: 'FILE_WRITE',
      facts: { found: (cause as Error).message },
      hint: 'give a folder that can be written with --weight-cache',
      cause,
    });
  }
}
