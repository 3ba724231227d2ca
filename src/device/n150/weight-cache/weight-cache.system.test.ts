// The weight cache of a whole checkpoint: made once, reused, repaired, shared by processes, the same bits from every path.
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InputError, UsageError } from '../../../errors.ts';
import { packMatrix } from '../../wormhole/host-packing.ts';
import { createKernelMatmulEngine } from '../../wormhole/kernels/kernel-matmul-engine.ts';
import type { MatmulEngine } from '../../wormhole/matmul-engine.ts';
import { createPlainMatmulEngine } from '../../wormhole/matrix-unit/matmul.ts';
import { parseDeviceOptions } from '../device-options.ts';
import type { WeightOptions } from '../device-weights.ts';
import { equalShare, openFixture, readGoldenCase } from '../graph.fixture.ts';
import { createN150Source } from '../n150-source.ts';
import { type CacheIdentity, cacheFileName, cacheFileProblem, writeCacheFile } from './cache-file.ts';
import { planWeights } from './memory-plan.ts';
import { cachedBytes, cacheFolderName, openWeightCache, type WeightCache } from './weight-cache.ts';
import { createWeightPacker } from './weight-packer.ts';
import { supplyStreamed } from './weight-supply.ts';
import { unitBytes, type WeightUnit, weightUnits } from './weight-units.ts';

const checkpoint = openFixture('tiny-qwen2');
const other = openFixture('tiny-qwen2-instruct');
const config = parseDeviceOptions('');
const units = weightUnits(checkpoint, config);
const ids = readGoldenCase('general-0').tokenIds.slice(0, 9);
/** Nothing fits, so everything is streamed. */
const STREAMED = 1;

let scratch: string;
/** What the user's options come to, and the folder of this checkpoint and recipe that is made of it. */
let base: string;
let folder: string;
beforeEach(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-cache-'));
  base = join(scratch, 'tensor_cache_bfp8');
  ({ folder } = await openWeightCache(base, checkpoint, units));
});
afterEach(() => rmSync(scratch, { recursive: true }));

/** Logits of two feeds and a fresh start, by an engine with this many threads. */
async function logitsOf(options: WeightOptions, engine: MatmulEngine, knobs = ''): Promise<Float32Array> {
  const rows: number[] = [];
  const source = await createN150Source(checkpoint, parseDeviceOptions(knobs), engine, options);
  const keep = ({ logits }: { logits: Float32Array }): void => void rows.push(...logits);
  await source.feed(ids.subarray(0, 5), { rows: 'all' }, keep);
  await source.feed(ids.subarray(5, 7), { rows: 'none' }, keep);
  await source.feed(ids.subarray(7, 9), { rows: 'last' }, keep);
  await source.truncate(0);
  await source.feed(ids.subarray(0, 3), { rows: 'last' }, keep);
  await source.close();
  return Float32Array.from(rows);
}

/** Modification times and sizes by file. */
function snapshot(of = folder): Record<string, number> {
  return Object.fromEntries(readdirSync(of).map((name) => [name, statSync(join(of, name)).mtimeMs]));
}

async function prepare(source = checkpoint, recipe = config): Promise<WeightCache> {
  const cache = await openWeightCache(base, source, weightUnits(source, recipe));
  await cache.prepare();
  return cache;
}

/** Of the whole cache: the packed bytes that reach an engine. */
async function tilesFrom(cache: WeightCache, read: readonly WeightUnit[]): Promise<Buffer> {
  const matrices: Uint8Array[] = [];
  for (const recipe of read.flat()) {
    const tiles = new Uint8Array(unitBytes([recipe]));
    await cache.read(recipe, tiles);
    matrices.push(tiles);
  }
  return Buffer.concat(matrices);
}

async function packedTiles(recipes: readonly WeightUnit[]): Promise<Buffer> {
  const { pack } = await createWeightPacker();
  const matrices: Uint8Array[] = [];
  for (const recipe of recipes.flat()) matrices.push(await pack(recipe, ({ tiles }) => tiles.slice()));
  return Buffer.concat(matrices);
}

describe('streamed weights', () => {
  it.each([
    { threads: 1, knobs: 'tier=fast' },
    { threads: 2, knobs: 'tier=fast' },
    { threads: 2, knobs: 'tier=exact' },
    { threads: 2, knobs: 'tier=fast,weightFormat=BFP4_B,lmHeadFormat=BF16,skipLayer=2' },
  ])('give the bits of resident ones ($threads threads, $knobs)', async ({ threads, knobs }) => {
    const engine = await createKernelMatmulEngine({ threads });
    const inMemory = await logitsOf({}, engine, knobs);
    const resident = await logitsOf({ weightCache: base }, engine, knobs);
    const streamed = await logitsOf({ weightCache: base, memoryBytes: STREAMED }, engine, knobs);
    await engine.close();
    expect(new Set(inMemory).size).toBeGreaterThan(200);
    expect(equalShare(resident, inMemory)).toBe(1);
    expect(equalShare(streamed, inMemory)).toBe(1);
  });

  it('are never more than two units in the engine, and none after the release', async () => {
    await prepare();
    let held = 0;
    let most = 0;
    const plain = createPlainMatmulEngine();
    const engine: MatmulEngine = {
      ...plain,
      reserve(shape) {
        const reserved = plain.reserve(shape);
        held += reserved.tiles.length;
        most = Math.max(most, held);
        return reserved;
      },
      release(matrix) {
        held -= units
          .flat()
          .filter(({ k, n }) => k === matrix.k && n === matrix.n)
          .map((recipe) => unitBytes([recipe]))[0]!;
        plain.release(matrix);
      },
    };
    const cache = await openWeightCache(base, checkpoint, units);
    const supply = supplyStreamed(units, engine, cache);
    for (const unit of [0, 1, 2, 5, 6, 0, 3]) await supply.withUnit(unit, () => expect(held).toBeGreaterThan(0));
    await supply.release();
    expect(most).toBe(planWeights(units, STREAMED).memoryBytes);
    expect(held).toBe(0);
  });

  it('need a cache to stream from', async () => {
    const engine = createPlainMatmulEngine();
    const refused = createN150Source(checkpoint, config, engine, { memoryBytes: STREAMED });
    await expect(refused).rejects.toThrow(UsageError);
    await expect(refused).rejects.toThrow(/--weight-cache/);
  });
});

describe('weight cache', () => {
  it('is made with progress, then reused as it is', async () => {
    const seen: string[] = [];
    const cache = await openWeightCache(base, checkpoint, units);
    await cache.prepare((ready, total) => seen.push(`${ready}/${total}`));
    expect(seen).toEqual(['1/7', '2/7', '3/7', '4/7', '5/7', '6/7', '7/7']);
    const made = snapshot();
    expect(Object.keys(made)).toHaveLength(6 * 5 + 1);
    expect(Object.keys(made)).toContain(
      'output_lm_head_1_split_shard_0_multi_device_1_dtype_BFLOAT8_B_layout_TILE.bin',
    );
    await prepare();
    expect(snapshot()).toEqual(made);
  });

  it('makes only what is stale, truncated, foreign or missing again', async () => {
    await prepare();
    const names = readdirSync(folder).sort();
    const [stale, truncated, foreign, missing, ...rest] = names.map((name) => join(folder, name));
    const wanted = names.map((name) => readFileSync(join(folder, name)));
    const cacheOfOther = await prepare(other);
    copyFileSync(join(cacheOfOther.folder, names[0]!), stale!);
    truncateSync(truncated!, 5000);
    writeFileSync(foreign!, 'something else');
    rmSync(missing!);
    const untouched = rest.map((path) => statSync(path).mtimeMs);
    expect(readFileSync(stale!).equals(wanted[0]!)).toBe(false);
    await prepare();
    expect(names.map((name, i) => readFileSync(join(folder, name)).equals(wanted[i]!))).not.toContain(false);
    expect(rest.map((path) => statSync(path).mtimeMs)).toEqual(untouched);
  });

  it('makes a file with damaged tiles again when it is first read', async () => {
    await prepare();
    const name = readdirSync(folder).sort()[0]!;
    const good = readFileSync(join(folder, name));
    const bad = Buffer.from(good);
    bad[bad.length - 1]! ^= 1;
    writeFileSync(join(folder, name), bad);
    const engine = createPlainMatmulEngine();
    const repaired = await logitsOf({ weightCache: base, memoryBytes: STREAMED }, engine);
    expect(equalShare(repaired, await logitsOf({}, engine))).toBe(1);
    expect(readFileSync(join(folder, name)).equals(good)).toBe(true);
  });

  it('takes away old temporary files of dead processes, and no others', async () => {
    const dead = join(folder, 'a.bin.0.999999999.tmp');
    const fresh = join(folder, 'b.bin.0.999999999.tmp');
    const alive = join(folder, `c.bin.0.${process.pid}.tmp`);
    for (const path of [dead, fresh, alive]) appendFileSync(path, 'half');
    for (const path of [dead, alive]) utimesSync(path, 1, 1);
    await prepare();
    expect([dead, fresh, alive].map((path) => existsSync(path))).toEqual([false, true, true]);
  });

  it('may be made twice at once', async () => {
    await prepare();
    const names = readdirSync(folder).sort();
    const wanted = names.map((name) => readFileSync(join(folder, name)));
    for (const name of names) rmSync(join(folder, name));
    await Promise.all([prepare(), prepare()]);
    expect(readdirSync(folder).sort()).toEqual(names);
    expect(names.map((name, i) => readFileSync(join(folder, name)).equals(wanted[i]!))).not.toContain(false);
  });

  it('names the file that cannot be written and leaves no temporary one', async () => {
    const name = cacheFileName(units[1]![2]!.baseName, 'BFP8_B');
    mkdirSync(join(folder, name));
    await expect(prepare()).rejects.toThrow(InputError);
    await expect(prepare()).rejects.toThrow(new RegExp(`${name}: the file could not be written`));
    const files = readdirSync(folder);
    expect(files.filter((file) => file.endsWith('.tmp'))).toEqual([]);
    expect(files.length).toBeLessThan(units.flat().length);
  });

  it('keeps recipes and checkpoints apart under one path, each made once', async () => {
    const variants = [
      { source: checkpoint, recipe: config },
      { source: checkpoint, recipe: parseDeviceOptions('recipe=ttnn-0.81') },
      { source: checkpoint, recipe: parseDeviceOptions('lmHeadFormat=BF16') },
      { source: other, recipe: config },
    ].map((variant) => ({ ...variant, units: weightUnits(variant.source, variant.recipe) }));
    const caches = await Promise.all(variants.map(({ source, recipe }) => prepare(source, recipe)));
    const made = caches.map((cache) => snapshot(cache.folder));
    const read = await Promise.all(caches.map((cache, i) => tilesFrom(cache, variants[i]!.units)));
    for (const [i, variant] of variants.entries()) expect(read[i]!.equals(await packedTiles(variant.units))).toBe(true);
    expect(caches.map((cache) => snapshot(cache.folder))).toEqual(made);
    // The format of the lm_head is in its file's name, so the layers need not be there twice.
    expect(new Set(caches.map((cache) => cache.folder)).size).toBe(variants.length - 1);
  });

  it.each([
    { name: 'of another recipe, put in its place', knobs: 'recipe=ttnn-0.81', isDamaged: false, isInPlace: false },
    { name: 'of another recipe, written over it', knobs: 'recipe=ttnn-0.81', isDamaged: false, isInPlace: true },
    { name: 'of the same header and other tiles, put in its place', knobs: '', isDamaged: true, isInPlace: false },
    { name: 'of the same header and other tiles, written over it', knobs: '', isDamaged: true, isInPlace: true },
  ])('never hands out a file $name after it was found right', async ({ knobs, isDamaged, isInPlace }) => {
    const cache = await prepare();
    const wanted = await tilesFrom(cache, units);
    const { folder: from } = await prepare(checkpoint, parseDeviceOptions(knobs));
    for (const name of readdirSync(from)) {
      const bytes = readFileSync(join(from, name));
      if (isDamaged) bytes[bytes.length - 1]! ^= 1;
      const path = isInPlace ? join(folder, name) : join(scratch, 'swapped');
      writeFileSync(path, bytes);
      if (!isInPlace) renameSync(path, join(folder, name));
    }
    expect((await tilesFrom(cache, units)).equals(wanted)).toBe(true);
  });

  it('hands out nothing that is not finite, whoever wrote it: what the checkpoint has is packed again', async () => {
    const cache = await prepare();
    const recipe = units[0]![1]!;
    const { k, n, format } = recipe;
    const path = join(folder, cacheFileName(recipe.baseName, format));
    const header = JSON.parse(readFileSync(path).toString('utf8', 12, 4096).trim()) as CacheIdentity;
    await writeCacheFile(path, header, packMatrix(new Float32Array(k * n).fill(Number.NaN), k, n, recipe));
    expect(cacheFileProblem(path, header)).toBeUndefined();
    expect((await tilesFrom(cache, units)).equals(await packedTiles(units))).toBe(true);
  });

  it('does not look at the files of the layout before', async () => {
    await prepare();
    mkdirSync(base);
    for (const name of readdirSync(folder)) writeFileSync(join(base, name), 'of another layout');
    const before = snapshot(base);
    const cache = await prepare();
    expect((await tilesFrom(cache, units)).equals(await packedTiles(units))).toBe(true);
    expect(snapshot(base)).toEqual(before);
  });

  it('tells how much of it is there, for this checkpoint and recipe only', async () => {
    expect(await cachedBytes(base, checkpoint, units)).toBe(0);
    await prepare();
    const bytes = units.flat().reduce((sum, recipe) => sum + 4096 + unitBytes([recipe]), 0);
    expect(await cachedBytes(base, checkpoint, units)).toBe(bytes);
    expect(await cachedBytes(base, other, weightUnits(other, config))).toBe(0);
    expect(await cachedBytes(base, checkpoint, weightUnits(checkpoint, parseDeviceOptions('recipe=ttnn-0.81')))).toBe(
      0,
    );
  });

  it("has the original's folders", () => {
    expect(cacheFolderName('BFP8_B', false)).toBe('tensor_cache_bfp8');
    expect(cacheFolderName('BFP8_B', true)).toBe('tensor_cache_instruct_bfp8');
    expect(cacheFolderName('BF16', true)).toBe('tensor_cache_instruct_bf16');
  });
});

describe('memory plan', () => {
  it('keeps weights that fit the budget, be they larger than one memory of the kernels, else two units of them', () => {
    const packedBytes = units.reduce((sum, unit) => sum + unitBytes(unit), 0);
    expect(planWeights(units, packedBytes)).toMatchObject({ mode: 'resident', packedBytes, memoryBytes: packedBytes });
    const streamed = planWeights(units, packedBytes - 1);
    expect(streamed).toMatchObject({ mode: 'streamed', packedBytes });
    expect(streamed.memoryBytes).toBeLessThan(packedBytes);
    const large = Array.from({ length: 28 }, () => [{ ...units[0]![0]!, k: 3584, n: 40_000 }]);
    expect(planWeights(large, 2 ** 40)).toMatchObject({ mode: 'resident' });
  });
});
