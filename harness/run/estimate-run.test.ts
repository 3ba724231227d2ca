// The estimate that doctor prints: what stays in memory, what is cached, times that grow with the weights and shrink with threads.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { openCheckpoint } from '../../src/checkpoint/weights.ts';
import { DEFAULT_N150_CONFIG } from '../../src/device/n150/recipes.ts';
import { openWeightCache } from '../../src/device/n150/weight-cache/weight-cache.ts';
import { weightUnits } from '../../src/device/n150/weight-cache/weight-units.ts';
import { type EstimatedJob, estimateRun, type RunEstimate } from './estimate-run.ts';

const ONE = { name: 'one', user: 0, promptIds: [1, 2, 3, 4], continuationIds: null, positions: null };
const limits = { maxNewTokens: 120, maxSeqLen: 4096 };
const JOB: EstimatedJob = { prompts: [ONE], limits };

const checkpoint = openCheckpoint(fileURLToPath(new URL('../../fixtures/tiny-qwen2', import.meta.url)));

it('counts packed weights, what is cached of them, and threads', async () => {
  const parent = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-plan-'));
  const cacheFolder = path.join(parent, 'cache');
  const plan = (memoryBytes?: number, threads = 2): Promise<RunEstimate> =>
    estimateRun(checkpoint, JOB, { memoryBytes, cacheFolder, threads });
  const before = await plan();
  const { packedBytes } = before.device;
  expect(before.device).toMatchObject({ mode: 'resident', cachedBytes: 0, memoryBytes: packedBytes });
  expect(before.writeBytes).toBe(packedBytes);
  expect(before.seconds.packing).toBeGreaterThan(0);
  const { seconds: alone } = await plan(undefined, 1);
  // Opening is not shared by threads.
  expect(alone.reference).toBeGreaterThan(1.2 * before.seconds.reference);
  expect(alone.device).toBe(2 * before.seconds.device);

  const cache = await openWeightCache(cacheFolder, checkpoint, weightUnits(checkpoint, DEFAULT_N150_CONFIG));
  await cache.prepare();
  const after = await plan(packedBytes - 1);
  expect(after.device.mode).toBe('streamed');
  expect(after.device.memoryBytes).toBeLessThan(packedBytes);
  expect(after.memoryBytes.device).toBeLessThan(before.memoryBytes.device);
  // A page of header before each of 31 matrices.
  expect(after.device.cachedBytes).toBe(packedBytes + 31 * 4096);
  expect(after).toMatchObject({ writeBytes: 0, seconds: { packing: 0 } });
  expect(after.readBytes).toBeLessThan(before.readBytes);
  expect(after.device.needsWeightCache).toBe(false);
  rmSync(parent, { recursive: true });
});

it('says when a run would be refused for want of a weight cache', async () => {
  const plan = (memoryBytes: number, cacheFolder: string | undefined): Promise<RunEstimate> =>
    estimateRun(checkpoint, JOB, { memoryBytes, cacheFolder, threads: 1 });
  expect((await plan(1, undefined)).device).toMatchObject({ mode: 'streamed', needsWeightCache: true });
  expect((await plan(1, '/nowhere/cache')).device).toMatchObject({ mode: 'streamed', needsWeightCache: false });
  expect((await plan(2 ** 30, undefined)).device).toMatchObject({ mode: 'resident', needsWeightCache: false });
});

it('counts the passes of prompts that run together once, and their caches each', async () => {
  const of = (count: number): Promise<RunEstimate> => {
    const options = { memoryBytes: 2 ** 30, cacheFolder: undefined, threads: 2 };
    return estimateRun(checkpoint, { prompts: Array.from({ length: count }, () => ONE), limits }, options);
  };
  const [one, sixteen, many] = [await of(1), await of(16), await of(32)];
  expect([one.together, sixteen.together, many.together]).toEqual([1, 16, 16]);
  expect([one.positions, sixteen.positions]).toEqual([124, 16 * 124]);
  expect(sixteen.seconds.reference).toBeLessThan(8 * one.seconds.reference);
  expect(sixteen.seconds.device).toBeCloseTo(16 * one.seconds.device, 9);
  expect(sixteen.memoryBytes.device).toBeGreaterThan(one.memoryBytes.device);
  expect(many.memoryBytes).toEqual(sixteen.memoryBytes);
});
