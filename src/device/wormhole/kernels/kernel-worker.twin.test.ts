// Workers woken late, twice or for nothing: a job is done once by each, and its bits are those of one thread.
import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { DeviceError } from '../../../errors.ts';
import { DEMO_MATMUL } from '../demo-matmul.fixture.ts';
import { packMatrix } from '../host-packing.ts';
import { CONTROL_BELL, CONTROL_GENERATION, CONTROL_START, JOB_OUT } from './job-layout.ts';
import { createEngineOnPool } from './kernel-matmul-engine.ts';
import { createKernelPool, type KernelBank, type KernelPool, writeJob } from './kernel-pool.ts';
import { bf16Operands } from './operands.fixture.ts';

/** N that wakes the workers, with a unit for each of them, and one that the calling thread does alone. */
const WIDTHS = [640, 64] as const;
const [ROWS, K] = [3, 96];
const JOBS = 200;

const realNotify = Atomics.notify.bind(Atomics);
afterEach(() => void vi.restoreAllMocks());

const controlOf = ({ banks }: KernelPool): Int32Array => banks[0].heap.ints(CONTROL_START, 16);

/** Wakes every worker that sleeps, for nothing, until `count` of them were asleep. */
function wakeForNothing(pool: KernelPool, count: number): void {
  for (let woken = 0; woken < count; ) woken += realNotify(controlOf(pool), CONTROL_GENERATION);
}

function matmuls(pool: KernelPool): (job: number) => Buffer {
  const engine = createEngineOnPool(pool);
  const jobs = WIDTHS.map((n, i) => ({
    in0: bf16Operands(ROWS * K, 'plain', 2 * i + 1),
    weights: engine.load(
      packMatrix(bf16Operands(K * n, 'plain', 2 * i + 2), K, n, { format: 'BFP8_B', rounding: 'halfUp' }),
    ),
  }));
  return (job) => {
    const { in0, weights } = jobs[job % jobs.length]!;
    return Buffer.from(engine.matmul(in0, ROWS, weights, DEMO_MATMUL).buffer);
  };
}

describe('a kernel worker', () => {
  it.each([2, 3, 5])('that is woken for nothing does no job a second time (%i threads)', async (threads) => {
    const pool = await createKernelPool({ threads });
    const workers = threads - 1;
    matmuls(pool)(0);
    const rung = Atomics.load(controlOf(pool), CONTROL_BELL);
    // One more waking than there are workers: one of them has slept again, so it has dealt with its first.
    wakeForNothing(pool, workers + 1);
    expect(Atomics.load(controlOf(pool), CONTROL_BELL)).toBe(rung);
    await pool.close();
  });

  it.each([2, 3, 5])(
    'that is woken late, after it did the job, leaves every bit as it is (%i threads)',
    async (threads) => {
      const alone = await createKernelPool({ threads: 1 });
      const wanted = WIDTHS.map((_, job) => matmuls(alone)(job));
      const pool = await createKernelPool({ threads });
      const run = matmuls(pool);
      let late = 0;
      // The calling thread loses its core between raising the generation and waking the workers: some see it unwoken.
      vi.spyOn(Atomics, 'notify').mockImplementation((words, index, count) => {
        const woken = realNotify(words as unknown as Int32Array, index, count);
        if (index === CONTROL_GENERATION) {
          late += 1;
          wakeForNothing(pool, threads - 1);
        }
        return woken;
      });
      let different = 0;
      for (let job = 0; job < JOBS; job++) different += Number(!run(job).equals(wanted[job % WIDTHS.length]!));
      expect({ late, different }).toEqual({ late: JOBS / WIDTHS.length, different: 0 });
      await pool.close();
    },
  );

  it('that traps is named, and its own error is the cause', async () => {
    const pool = await createKernelPool({ threads: 2 });
    const error = await trapIn(pool, (bank) => ({ ...bank, kernels: { ...bank.kernels, runJob() {} } }));
    expect(error).toBeInstanceOf(DeviceError);
    expect(error).toMatchObject({
      code: 'KERNEL_TRAP',
      facts: { found: expect.stringMatching(/worker 1 trapped: .*memory access out of bounds/) },
    });
    expect((error.cause as Error).stack).toMatch(/wasm/);
    await pool.close();
  });

  it('is not left at work by a trap of the calling thread: the pool runs nothing more', async () => {
    const pool = await createKernelPool({ threads: 3 });
    const run = matmuls(pool);
    const error = await trapIn(pool, (bank) => bank);
    expect(error.message).toMatch(/memory access out of bounds/);
    for (const job of [0, 1]) expect(() => run(job)).toThrow(/memory access out of bounds/);
    await pool.close();
  });
});

/** Runs a job whose result lies far outside of the memory. */
async function trapIn(pool: KernelPool, seenAs: (bank: KernelBank) => KernelBank): Promise<Error> {
  const run = matmuls(pool);
  run(0);
  await setImmediate();
  writeJob(pool.banks[0], [[JOB_OUT, 2 ** 31 - 2 ** 16]]);
  try {
    pool.run(seenAs(pool.banks[0]), false);
  } catch (error) {
    return error as Error;
  }
  throw new Error('the job did not trap');
}
