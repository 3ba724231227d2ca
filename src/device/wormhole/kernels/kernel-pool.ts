// The worker pool of the kernels: one job at a time, run synchronously by the calling thread and its workers, in one of
// several memories.
//
// Why no job is done twice and no result read too early, whenever threads are woken or lose their core:
// - A worker does a job only when the generation is another one than that of its last job, so once for each generation.
// - It writes the generation down as finished after its share is done. The calling thread returns when every worker has
//   written down the present one; how often anyone was woken, or the bell rang, does not count.
// - The next generation, and any write to a job or its operands, comes after that return. So no worker is ever behind by
//   more than the job in flight, and none is at work between jobs, those that the calling thread does alone included.
// - After a failure no further job runs in the pool.
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { DeviceError } from '../../../errors.ts';
import { MAXIMUM_THREADS } from '../../../machine.ts';
import {
  CONTROL_BANK,
  CONTROL_BELL,
  CONTROL_FAILED,
  CONTROL_GENERATION,
  CONTROL_START,
  FINISHED_OFFSET,
  HEARTBEAT_BYTES,
  HEARTBEAT_START,
  JOB_BYTES,
  JOB_NEXT_UNIT,
  JOB_START,
  SCRATCH_BYTES,
  SCRATCH_START,
} from './job-layout.ts';
import { compileModule, fastestModule, type KernelExports, type KernelModule } from './kernel-module.ts';
import { createSharedHeap, type SharedHeap } from './shared-heap.ts';

const WORKER_URL = new URL('./kernel-worker.mjs', import.meta.url);

/** A worker that neither finishes nor moves its heartbeat for this long is dead: a heartbeat is milliseconds of work. */
const WORKER_SILENCE_MS = 30_000;
const WAIT_SLICE_MS = 500;

/** Why a pool is unusable. */
interface Failure {
  readonly code: 'KERNEL_WORKER' | 'KERNEL_TRAP';
  readonly found: string;
  readonly cause?: unknown;
}

export interface KernelPoolOptions {
  /** The calling thread included. */
  readonly threads: number;
  readonly workerSilenceMs?: number;
  /** `fastestModule()` if absent; changes no bit. */
  readonly module?: KernelModule;
}

/** A shared memory of at most 4 GiB and the kernels on it: all operands of a job lie in one bank. */
export interface KernelBank {
  readonly index: number;
  readonly heap: SharedHeap;
  readonly kernels: KernelExports;
}

export interface KernelPool {
  readonly threads: number;
  readonly module: KernelModule;
  /** At least one. */
  readonly banks: readonly [KernelBank, ...KernelBank[]];
  readonly workers: readonly { terminate(): Promise<number> }[];
  /** @throws DeviceError `KERNEL_MEMORY` if the machine has no room for another memory. */
  addBank(): KernelBank;
  /**
   * Runs the job that lies at the bank's JOB_START to its end.
   *
   * @param isSmall - the calling thread does it alone: waking the others would cost more.
   * @throws DeviceError `KERNEL_TRAP` if a kernel trapped, `KERNEL_WORKER` if a worker died or fell silent, each time from then on.
   */
  run(bank: KernelBank, isSmall: boolean): void;
  close(): Promise<void>;
}

export async function createKernelPool(options: KernelPoolOptions): Promise<KernelPool> {
  const { threads, workerSilenceMs } = options;
  if (!Number.isInteger(threads) || threads < 1 || threads > MAXIMUM_THREADS) {
    throw new DeviceError('The kernels cannot run on that many threads.', {
      code: 'KERNEL_THREADS',
      facts: { found: threads, wanted: `an integer of 1 to ${MAXIMUM_THREADS}` },
      hint: 'one thread per core is best',
    });
  }
  const name = options.module ?? fastestModule();
  const { module, instantiate } = compileModule(name);
  const createBank = (index: number): KernelBank => {
    const heap = createSharedHeap(SCRATCH_START + threads * SCRATCH_BYTES);
    return { index, heap, kernels: instantiate(heap.memory) };
  };
  const banks: [KernelBank, ...KernelBank[]] = [createBank(0)];
  // Workers wait on the first bank's control block, whichever bank the job lies in.
  const control = banks[0].heap.ints(CONTROL_START, 16);
  const lines = banks[0].heap.ints(HEARTBEAT_START, (threads * HEARTBEAT_BYTES) / 4);
  let failure: Failure | undefined;
  let isClosed = false;

  const shares = Array.from({ length: threads - 1 }, (_, index) => {
    const share = index + 1;
    const { port1: traps, port2 } = new MessageChannel();
    const worker = new Worker(WORKER_URL, {
      workerData: {
        module,
        memory: banks[0].heap.memory,
        control: CONTROL_START,
        words: {
          generation: CONTROL_GENERATION,
          bell: CONTROL_BELL,
          failed: CONTROL_FAILED,
          bank: CONTROL_BANK,
        },
        scratch: SCRATCH_START + share * SCRATCH_BYTES,
        heartbeat: HEARTBEAT_START + share * HEARTBEAT_BYTES,
        finished: HEARTBEAT_START + share * HEARTBEAT_BYTES + FINISHED_OFFSET,
        traps: port2,
      },
      transferList: [port2],
      // Flags of the process (`--input-type` of a script on the command line) are not for this file.
      execArgv: [],
    });
    worker.on('error', (cause) => {
      failure ??= { code: 'KERNEL_WORKER', found: `worker ${share} threw: ${String(cause)}`, cause };
    });
    worker.on('exit', (code) => {
      if (!isClosed) failure ??= { code: 'KERNEL_WORKER', found: `worker ${share} exited with code ${code}` };
    });
    return { share, worker, traps };
  });
  const workers = shares.map(({ worker }) => worker);
  await Promise.all(workers.map(waitUntilReady));
  // An idle pool must not keep the process alive.
  for (const worker of workers) worker.unref();

  function fail(reason: Failure): never {
    failure ??= reason;
    const { code, found, cause } = failure;
    throw new DeviceError('The kernels failed; the device model cannot go on.', {
      code,
      facts: { found, wanted: `${threads} threads that finish their share` },
      hint:
        code === 'KERNEL_TRAP'
          ? 'this is an error of qwen-pcc: report it with the command and the cause'
          : 'run again; with --threads 1 no workers are used',
      cause,
    });
  }

  /** Numbers of the workers that have not finished the generation in flight. */
  function unfinished(): number[] {
    const generation = Atomics.load(control, CONTROL_GENERATION);
    const isFinished = (share: number): boolean =>
      Atomics.load(lines, (share * HEARTBEAT_BYTES + FINISHED_OFFSET) / 4) === generation;
    return shares.filter(({ share }) => !isFinished(share)).map(({ share }) => share);
  }

  function waitForWorkers({ heap }: KernelBank): void {
    const heartbeats = heap.ints(HEARTBEAT_START, (threads * HEARTBEAT_BYTES) / 4);
    const silenceMs = workerSilenceMs ?? WORKER_SILENCE_MS;
    let lastBeat = beats(heartbeats);
    let silentSince = performance.now();
    for (;;) {
      // Taken before looking: whoever finishes after the look has rung it once more, and the wait returns at once.
      const bell = Atomics.load(control, CONTROL_BELL);
      const waitedFor = unfinished();
      if (waitedFor.length === 0) return;
      if (Atomics.wait(control, CONTROL_BELL, bell, Math.min(WAIT_SLICE_MS, silenceMs)) !== 'timed-out') continue;
      const beat = beats(heartbeats);
      if (beat !== lastBeat) {
        lastBeat = beat;
        silentSince = performance.now();
      } else if (performance.now() - silentSince >= silenceMs) {
        fail({ code: 'KERNEL_WORKER', found: `silent for ${silenceMs} ms: worker ${waitedFor.join(', ')}` });
      }
    }
  }

  /** What a worker's kernel threw, which the worker posted before it wrote its share down as finished. */
  function trapOfWorker(): Failure {
    for (const { share, traps } of shares) {
      const stack = receiveMessageOnPort(traps)?.message as string | undefined;
      if (stack !== undefined) return trap(`worker ${share}`, stack);
    }
    return trap('a worker', 'no stack');
  }

  return {
    threads,
    module: name,
    banks,
    workers,
    addBank() {
      const bank = createBank(banks.length);
      // Workers fetch it from their port when a job first needs it.
      for (const worker of workers) worker.postMessage(bank.heap.memory);
      banks.push(bank);
      return bank;
    },
    run(bank, isSmall) {
      if (failure !== undefined) fail(failure);
      if (isClosed) fail({ code: 'KERNEL_WORKER', found: 'the pool was closed' });
      Atomics.store(bank.heap.ints(JOB_START, JOB_BYTES / 4), JOB_NEXT_UNIT / 4, 0);
      const isAlone = isSmall || workers.length === 0;
      if (!isAlone) {
        Atomics.store(control, CONTROL_BANK, bank.index);
        Atomics.add(control, CONTROL_GENERATION, 1);
        Atomics.notify(control, CONTROL_GENERATION);
      }
      try {
        bank.kernels.runJob(SCRATCH_START, HEARTBEAT_START);
      } catch (error) {
        fail(trap('the calling thread', String((error as Error).stack ?? error)));
      }
      if (isAlone) return;
      waitForWorkers(bank);
      if (Atomics.load(control, CONTROL_FAILED) !== 0) fail(trapOfWorker());
    },
    async close() {
      isClosed = true;
      for (const { traps } of shares) traps.close();
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}

/** Fields of a job: byte offset from JOB_START and 32-bit value. */
export type JobFields = readonly (readonly [offset: number, value: number])[];

/** Writes the job that the bank's next run takes up. */
export function writeJob({ heap }: KernelBank, fields: JobFields): void {
  const words = heap.ints(JOB_START, JOB_BYTES / 4);
  for (const [offset, value] of fields) words[offset / 4] = value;
}

/** Of each bank's memory, for activations and results. */
const WORKING_BYTES = 2 ** 29;

/** @returns a bank where `bytes` more fit, a new one if need be. */
export function bankWithRoom(pool: KernelPool, bytes: number): KernelBank {
  return pool.banks.find(({ heap }) => heap.fits(bytes, WORKING_BYTES)) ?? pool.addBank();
}

function waitUntilReady(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('message', () => resolve());
    worker.once('error', reject);
  });
}

/** @param stack - of the error, its first line included. */
function trap(where: string, stack: string): Failure {
  const cause = new Error(stack.split('\n', 1)[0]);
  cause.stack = stack;
  return { code: 'KERNEL_TRAP', found: `${where} trapped: ${cause.message}`, cause };
}

function beats(heartbeats: Int32Array): number {
  let sum = 0;
  for (let i = 0; i < heartbeats.length; i += HEARTBEAT_BYTES / 4) sum += Atomics.load(heartbeats, i);
  return sum;
}
