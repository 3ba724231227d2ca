// Cache files: named as the original's, whole or not there, refused for every way in which they can be another file.
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packMatrix } from '../../wormhole/host-packing.ts';
import {
  CACHE_HEADER_BYTES,
  type CacheIdentity,
  cacheFileName,
  cacheFileProblem,
  writeCacheFile,
} from './cache-file.ts';

const K = 40;
const N = 70;
const identity: CacheIdentity = {
  checkpointSha256: 'ab'.repeat(32),
  rounding: 'halfUp',
  format: 'BFP8_B',
  k: K,
  n: N,
  parts: ['model.layers.0.mlp.gate_proj.weight 70 from 0'],
};
const matrix = packMatrix(
  Float32Array.from({ length: K * N }, (_, i) => (i % 17) - 8),
  K,
  N,
  identity,
);

let folder: string;
let path: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'qwen-pcc-cache-'));
  path = join(folder, cacheFileName('model.layers.0.mlp.w1_sharded', 'BFP8_B'));
  await writeCacheFile(path, identity, matrix);
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('cache file', () => {
  it("has the original's name", () => {
    expect(readdirSync(folder)).toEqual([
      'model.layers.0.mlp.w1_sharded_multi_device_1_dtype_BFLOAT8_B_layout_TILE.bin',
    ]);
  });

  it('holds the packed tiles behind one page of header', () => {
    const bytes = readFileSync(path);
    expect(bytes.toString('latin1', 0, 8)).toBe('QPCCTILE');
    expect(bytes.length).toBe(CACHE_HEADER_BYTES + 2 * 3 * 1088);
    expect(bytes.subarray(CACHE_HEADER_BYTES).equals(matrix.tiles)).toBe(true);
    const header = JSON.parse(bytes.toString('utf8', 12, 12 + bytes.readUInt32LE(8)));
    expect(header).toMatchObject({ ...identity, payloadBytes: 2 * 3 * 1088 });
    expect(cacheFileProblem(path, identity)).toBeUndefined();
  });

  it.each([
    { name: 'other weights', change: { checkpointSha256: 'cd'.repeat(32) }, problem: /^stale: checkpointSha256/ },
    { name: 'another rounding rule', change: { rounding: 'nearestEven' }, problem: /^stale: rounding is halfUp/ },
    { name: 'another format', change: { format: 'BFP4_B' }, problem: /^stale: format/ },
    { name: 'another shape', change: { n: N + 1 }, problem: /^stale: n is 70, wanted 71/ },
    {
      name: 'other rows',
      change: { parts: ['model.embed_tokens.weight 70 from 0'] },
      problem: /^stale: parts is .*gate_proj/,
    },
  ] as const)('is stale for $name', ({ change, problem }) => {
    expect(cacheFileProblem(path, { ...identity, ...change })).toMatch(problem);
  });

  it.each([
    { name: 'missing', damage: () => rmSync(path), problem: 'missing' },
    { name: 'cut in the payload', damage: () => truncateSync(path, 5000), problem: 'truncated' },
    { name: 'cut in the header', damage: () => truncateSync(path, 100), problem: 'truncated' },
    { name: 'too long', damage: () => appendFileSync(path, 'x'), problem: 'truncated' },
    { name: 'of other bytes', damage: () => writeFileSync(path, Buffer.alloc(20_000, 255)), problem: 'foreign' },
    {
      name: 'of another version',
      damage: () => writeFileSync(path, readFileSync(path, 'latin1').replace('"version":2', '"version":1'), 'latin1'),
      problem: 'foreign',
    },
  ])('is refused when $name', ({ damage, problem }) => {
    damage();
    expect(cacheFileProblem(path, identity)).toBe(problem);
  });
});
