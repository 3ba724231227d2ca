// The worker pool: same bits for any number of threads, dead workers are named, and nothing hangs.
import { describe, expect, it } from 'vitest';
import { DeviceError, ShapeError } from '../../../errors.ts';
import { MAXIMUM_THREADS } from '../../../machine.ts';
import { DEMO_MATMUL } from '../demo-matmul.fixture.ts';
import { packMatrix } from '../host-packing.ts';
import { MATMUL_TIERS } from '../matmul-engine.ts';
import { HEARTBEAT_BYTES, HEARTBEAT_START, JOB_START } from './job-layout.ts';
import { createEngineOnPool, createKernelMatmulEngine } from './kernel-matmul-engine.ts';
import { createKernelPool } from './kernel-pool.ts';
import { bf16Operands } from './operands.fixture.ts';

// Large enough to wake the workers, with a half panel at the end and more rows than one block.
const [rows, k, n] = [150, 96, 353];
const in0 = bf16Operands(rows * k, 'plain', 1);
const weights = packMatrix(bf16Operands(k * n, 'plain', 2), k, n, { format: 'BFP8_B', rounding: 'halfUp' });

const hasSameBits = (a: Float32Array, b: Float32Array): boolean =>
  Buffer.compare(Buffer.from(a.buffer), Buffer.from(b.buffer)) === 0;

describe('kernel pool', () => {
  it.each(MATMUL_TIERS)('gives the same bits on 1, 2, 3 and 5 threads in tier %s', async (tier) => {
    const results: Float32Array[] = [];
    for (const threads of [1, 2, 3, 5]) {
      const engine = await createKernelMatmulEngine({ threads });
      const loaded = engine.load(weights);
      for (let run = 0; run < 3; run++) results.push(engine.matmul(in0, rows, loaded, { ...DEMO_MATMUL, tier }));
      await engine.close();
    }
    expect(new Set(results[0]).size).toBeGreaterThan(1000);
    for (const result of results) expect(hasSameBits(result, results[0]!)).toBe(true);
  });

  it.each(MATMUL_TIERS)('gives each row the same bits alone as among others in tier %s', async (tier) => {
    const engine = await createKernelMatmulEngine({ threads: 2 });
    const loaded = engine.load(weights);
    const together = engine.matmul(in0, rows, loaded, { ...DEMO_MATMUL, tier });
    for (const row of [0, 5, 127, 128, 149]) {
      const alone = engine.matmul(in0.slice(row * k, (row + 1) * k), 1, loaded, { ...DEMO_MATMUL, tier });
      expect(hasSameBits(alone, together.slice(row * n, (row + 1) * n))).toBe(true);
    }
    await engine.close();
  });

  it.each(MATMUL_TIERS)(
    'gives the same bits in a second memory when the first one is full, in tier %s',
    async (tier) => {
      const pool = await createKernelPool({ threads: 3 });
      const engine = createEngineOnPool(pool);
      const first = engine.load(weights);
      // Never touched, hence no real memory.
      pool.banks[0].heap.allocate(3.6 * 2 ** 30);
      const second = engine.load(weights);
      expect(pool.banks).toHaveLength(2);
      for (let run = 0; run < 3; run++) {
        const [a, b] = [first, second].map((loaded) => engine.matmul(in0, rows, loaded, { ...DEMO_MATMUL, tier }));
        expect(hasSameBits(a!, b!)).toBe(true);
      }
      engine.release(second);
      engine.load(weights);
      expect(pool.banks).toHaveLength(2);
      await engine.close();
    },
  );

  it('names a worker that was terminated instead of waiting for it', async () => {
    const pool = await createKernelPool({ threads: 2, workerSilenceMs: 200 });
    const engine = createEngineOnPool(pool);
    const loaded = engine.load(weights);
    await pool.workers[0]!.terminate();
    expect(() => engine.matmul(in0, rows, loaded, DEMO_MATMUL)).toThrow(/worker 1 exited with code 1/);
    await engine.close();
  });

  it('gives up on a worker that falls silent in the middle of a job', async () => {
    const pool = await createKernelPool({ threads: 2, workerSilenceMs: 200 });
    const engine = createEngineOnPool(pool);
    const loaded = engine.load(weights);
    // Not awaited: the exit is not known yet when the job begins.
    const terminated = pool.workers[0]!.terminate();
    expect(() => {
      for (let run = 0; run < 1000; run++) engine.matmul(in0, rows, loaded, DEMO_MATMUL);
    }).toThrow(DeviceError);
    expect(() => engine.matmul(in0, rows, loaded, DEMO_MATMUL)).toThrow(/silent for 200 ms: worker 1|worker 1 exited/);
    await terminated;
    await engine.close();
  });

  it('refuses a number of threads that it has no room for', async () => {
    expect(HEARTBEAT_START + MAXIMUM_THREADS * HEARTBEAT_BYTES).toBe(JOB_START);
    for (const threads of [0, 1.5, MAXIMUM_THREADS + 1]) {
      await expect(createKernelPool({ threads })).rejects.toThrow(DeviceError);
    }
  });
});

describe('kernel matmul engine', () => {
  it('refuses released and foreign weights, closed pools and activations of another shape', async () => {
    const engine = await createKernelMatmulEngine({ threads: 1 });
    const other = await createKernelMatmulEngine({ threads: 1 });
    const loaded = engine.load(weights);
    expect(() => engine.matmul(in0, rows + 1, loaded, DEMO_MATMUL)).toThrow(ShapeError);
    expect(() => other.matmul(in0, rows, loaded, DEMO_MATMUL)).toThrow(/not loaded in this engine/);
    engine.release(loaded);
    expect(() => engine.matmul(in0, rows, loaded, DEMO_MATMUL)).toThrow(/not loaded in this engine/);
    expect(() => engine.release(loaded)).toThrow(DeviceError);
    const again = engine.load(weights);
    await engine.close();
    expect(() => engine.matmul(in0, rows, again, DEMO_MATMUL)).toThrow(/closed/);
    await other.close();
  });

  it('gives no rows for no rows', async () => {
    const engine = await createKernelMatmulEngine({ threads: 1 });
    expect(engine.matmul(new Float32Array(0), 0, engine.load(weights), DEMO_MATMUL)).toHaveLength(0);
    await engine.close();
  });
});
