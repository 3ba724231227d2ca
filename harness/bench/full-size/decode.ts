// The device's decode path on all of Qwen2-7B: one token at a time, packed weights resident.
import { openCheckpoint } from '../../../src/checkpoint/weights.ts';
import { createN150Source } from '../../../src/device/n150/n150-source.ts';
import { DEFAULT_N150_CONFIG } from '../../../src/device/n150/recipes.ts';
import { createKernelMatmulEngine } from '../../../src/device/wormhole/kernels/kernel-matmul-engine.ts';
import type { BenchResult } from '../benchmark.ts';
import type { Workspace } from './workspace.ts';

const THREADS = 2;
const CONTEXT = 128;
const TOKENS = 9;
/** More than the packed weights, 8.1 GB. */
const MEMORY_BYTES = 12 * 2 ** 30;

export async function benchDecode(workspace: Workspace): Promise<BenchResult[]> {
  const folder = await workspace.checkpoint('7B', 28);
  workspace.tell(`decode on ${folder}`);
  const engine = await createKernelMatmulEngine({ threads: THREADS });
  const source = await createN150Source(openCheckpoint(folder), DEFAULT_N150_CONFIG, engine, {
    weightCache: `${workspace.weightCache()}/7B-28/tensor_cache_bfp8`,
    memoryBytes: MEMORY_BYTES,
  });
  const none = (): void => {};
  await source.feed(
    Int32Array.from({ length: CONTEXT }, (_, i) => i + 1),
    { rows: 'last' },
    none,
  );
  const samples: number[] = [];
  for (let token = 0; token < TOKENS; token++) {
    const start = performance.now();
    await source.feed(Int32Array.of(1000 + token), { rows: 'last' }, none);
    samples.push((performance.now() - start) / 1000);
  }
  await source.close();
  await engine.close();
  return [{ name: 'decode, a token, weights resident', unit: 's', samples, target: { relation: 'at most', value: 3 } }];
}
