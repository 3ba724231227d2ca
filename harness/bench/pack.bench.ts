// Benchmark of packing: a matrix by the kernel and by its twin, then a checkpoint's weight cache from disk to disk.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Checkpoint, openCheckpoint } from '../../src/checkpoint/weights.ts';
import { DEFAULT_N150_CONFIG } from '../../src/device/n150/recipes.ts';
import { openWeightCache } from '../../src/device/n150/weight-cache/weight-cache.ts';
import { weightUnits } from '../../src/device/n150/weight-cache/weight-units.ts';
import { packTransposedWeights } from '../../src/device/wormhole/host-packing.ts';
import { startPacking } from '../../src/device/wormhole/kernels/kernel-packing.ts';
import { createKernelPool } from '../../src/device/wormhole/kernels/kernel-pool.ts';
import { type Benchmark, ratios, timeInTurns } from './benchmark.ts';
import { uniformValues } from './random-values.ts';
import { LAYER_7B, withSyntheticLayer } from './synthetic-layer.ts';

const SHAPE = { format: 'BFP8_B', rounding: 'halfUp', k: LAYER_7B.hiddenSize, n: LAYER_7B.intermediateSize } as const;
const ROUNDS = 5;

export const benchmark: Benchmark = {
  name: 'pack',
  description: `BF16 [${SHAPE.n}, ${SHAPE.k}] to BFP8_B tiles on one thread; the weight cache of one such layer`,
  async run() {
    const { k, n } = SHAPE;
    const weights = Uint16Array.from(new Uint32Array(uniformValues(n * k, 6).buffer), (bits) => bits >>> 16);
    const { banks } = await createKernelPool({ threads: 1 });
    const packing = startPacking(banks[0], SHAPE);
    for (const stripe of packing.stripes) stripe.set(new Uint8Array(weights.buffer, 0, stripe.length));
    const packByKernel = (): void => {
      for (let firstRow = 0; firstRow < n; firstRow += packing.stripeRows) {
        packing.pack(0, firstRow, Math.min(packing.stripeRows, n - firstRow));
      }
    };
    const times = await timeInTurns(
      { kernel: packByKernel, twin: () => packTransposedWeights(weights, n, k, SHAPE) },
      ROUNDS,
    );
    const speedOf = (count: number) => (milliseconds: number) => count / milliseconds / 1e3;
    const cache = await withSyntheticLayer(measureCache);
    return [
      { name: 'kernel', unit: 'million weights/s', samples: times.kernel.map(speedOf(n * k)) },
      { name: 'twin', unit: 'million weights/s', samples: times.twin.map(speedOf(n * k)) },
      { name: 'kernel / twin', unit: 'of its speed', samples: ratios(times.twin, times.kernel) },
      {
        name: 'weight cache',
        unit: 'million weights/s',
        samples: cache.times.map(speedOf(cache.weights)),
        target: { relation: 'at least', value: 250 },
      },
    ];
  },
};

/** Milliseconds of making the whole cache, checkpoint in the page cache and its sha256 known. */
async function measureCache(folder: string): Promise<{ readonly weights: number; readonly times: readonly number[] }> {
  const checkpoint: Checkpoint = openCheckpoint(folder);
  await checkpoint.sha256();
  const units = weightUnits(checkpoint, DEFAULT_N150_CONFIG);
  const make = async (): Promise<void> => {
    const parent = mkdtempSync(join(tmpdir(), 'qwen-pcc-cache-'));
    try {
      const cache = await openWeightCache(join(parent, 'cache'), checkpoint, units);
      await cache.prepare();
    } finally {
      rmSync(parent, { recursive: true });
    }
  };
  const times = await timeInTurns({ make }, ROUNDS);
  return { weights: units.flat().reduce((sum, { k, n }) => sum + k * n, 0), times: times.make };
}
