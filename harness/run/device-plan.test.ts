// The plan that doctor prints: what stays in memory, what is cached, and a time that grows with the weights and shrinks with threads.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { openCheckpoint } from '../../src/checkpoint/weights.ts';
import { DEFAULT_N150_CONFIG } from '../../src/device/n150/recipes.ts';
import { openWeightCache } from '../../src/device/n150/weight-cache/weight-cache.ts';
import { weightUnits } from '../../src/device/n150/weight-cache/weight-units.ts';
import { planDevice } from './device-plan.ts';

const checkpoint = openCheckpoint(fileURLToPath(new URL('../../fixtures/tiny-qwen2', import.meta.url)));

it('counts packed weights, what is cached of them, and threads', async () => {
  const parent = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-plan-'));
  const cacheFolder = path.join(parent, 'cache');
  const plan = (memoryBytes?: number, threads = 2): ReturnType<typeof planDevice> =>
    planDevice(checkpoint, { memoryBytes, cacheFolder, threads });
  const before = plan();
  expect(before).toMatchObject({ mode: 'resident', cachedBytes: 0, memoryBytes: before.packedBytes });
  expect(plan(undefined, 1).estimatedSeconds).toBe(2 * before.estimatedSeconds);

  const cache = await openWeightCache(cacheFolder, checkpoint);
  await cache.prepare(weightUnits(checkpoint, DEFAULT_N150_CONFIG));
  const after = plan(before.packedBytes - 1);
  expect(after.mode).toBe('streamed');
  expect(after.memoryBytes).toBeLessThan(before.packedBytes);
  // A page of header before each of 31 matrices.
  expect(after.cachedBytes).toBe(before.packedBytes + 31 * 4096);
  rmSync(parent, { recursive: true });
});
