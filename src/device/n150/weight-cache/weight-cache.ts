// A checkpoint's packed matrices on disk: made once, checked, read again and again.
// Source: n150-numerics E: folder and file names of the original.
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Checkpoint } from '../../../checkpoint/weights.ts';
import { InputError } from '../../../errors.ts';
import type { WeightFormat } from '../../wormhole/matmul-engine.ts';
import { type CacheIdentity, cacheFileName, inspectCacheFile, writeCacheFile, writerOf } from './cache-file.ts';
import { readPayload } from './read-payload.ts';
import { createWeightPacker, type WeightPacker } from './weight-packer.ts';
import type { WeightRecipe, WeightUnit } from './weight-units.ts';

/** A temporary file of a dead process is left alone this long: its writer may live on another machine. */
const LEFTOVER_MS = 600_000;

/** Matrices in the making at once: one is packed while others are read or written. */
const LANES = 3;

const FOLDER_SUFFIX: Readonly<Record<WeightFormat, string>> = { BFP8_B: 'bfp8', BFP4_B: 'bfp4', BF16: 'bf16' };

/** Told after each unit that is in the cache; the last call has ready = total. */
export type CacheProgress = (ready: number, total: number) => void;

export interface WeightCache {
  readonly folder: string;
  /** Makes every file that is missing, stale, truncated or foreign, three matrices in memory at a time; Ctrl-C is heard meanwhile. */
  prepare(units: readonly WeightUnit[], onProgress?: CacheProgress): Promise<void>;
  /**
   * Reads a matrix into `tiles`. The first read of each file checks its checksum; a damaged file is made again.
   *
   * @throws InputError `WEIGHT_CACHE_READ`.
   */
  read(recipe: WeightRecipe, tiles: Uint8Array): Promise<void>;
}

/** The cache's sub-folder, as the original names it. */
export function cacheFolderName(format: WeightFormat, isInstruct: boolean): string {
  return `tensor_cache_${isInstruct ? 'instruct_' : ''}${FOLDER_SUFFIX[format]}`;
}

/** @throws InputError `FILE_WRITE` if the folder cannot be made. */
export async function openWeightCache(folder: string, checkpoint: Checkpoint): Promise<WeightCache> {
  const checkpointSha256 = await checkpoint.sha256();
  makeFolder(folder);
  removeLeftovers(folder);
  const crcOf = new Map<string, number>();
  const verified = new Set<string>();
  const pathOf = ({ baseName, format }: WeightRecipe): string => join(folder, cacheFileName(baseName, format));

  async function ensure(recipe: WeightRecipe, packer: LazyPacker, isDamaged: boolean): Promise<void> {
    const { rounding, format, k, n } = recipe;
    const path = pathOf(recipe);
    const identity: CacheIdentity = { checkpointSha256, rounding, format, k, n };
    let state = inspectCacheFile(path, identity);
    if (isDamaged || state.problem !== undefined) {
      const { pack } = await packer();
      await pack(recipe, (matrix) => writeCacheFile(path, identity, matrix));
      state = inspectCacheFile(path, identity);
    }
    if (state.problem !== undefined) {
      throw new InputError(`${path}: the weight cache cannot be made.`, {
        code: 'WEIGHT_CACHE_WRITE',
        facts: { found: state.problem, wanted: 'the file that was just written' },
        hint: 'check the free space, and that no run with other weights uses this folder at the same time',
      });
    }
    crcOf.set(path, state.header.payloadCrc32);
  }

  return {
    folder,
    async prepare(units, onProgress = () => {}) {
      const packer = lazyPacker();
      const missing = units.map((unit) => unit.length);
      let ready = 0;
      const steps = units.flatMap((unit, index) => unit.map((recipe) => ({ recipe, index })));
      await inLanes(steps, async ({ recipe, index }) => {
        await ensure(recipe, packer, false);
        missing[index]! -= 1;
        if (missing[index] === 0) onProgress(++ready, units.length);
      });
    },
    async read(recipe, tiles) {
      const path = pathOf(recipe);
      if (!crcOf.has(path)) await ensure(recipe, lazyPacker(), false);
      await readPayload(path, tiles);
      if (verified.has(path)) return;
      if (crc32(tiles) !== crcOf.get(path)) {
        await ensure(recipe, lazyPacker(), true);
        await readPayload(path, tiles);
      }
      verified.add(path);
    },
  };
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

/** Takes away what killed writers left: temporary files of processes that are gone. */
function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder)) {
    const pid = writerOf(name);
    if (pid === undefined || isAlive(pid)) continue;
    const path = join(folder, name);
    const modified = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - modified > LEFTOVER_MS) rmSync(path, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
