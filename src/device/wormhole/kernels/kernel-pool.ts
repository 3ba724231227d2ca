// The worker pool of the kernels: one job at a time, run synchronously by the calling thread and its workers, in one of
// several memories.
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { DeviceError } from '../../../errors.ts';
import {
  CONTROL_BANK,
  CONTROL_DONE,
  CONTROL_FAILED,
  CONTROL_GENERATION,
  CONTROL_START,
  HEARTBEAT_BYTES,
  HEARTBEAT_START,
  JOB_BYTES,
  JOB_NEXT_UNIT,
  JOB_START,
  SCRATCH_BYTES,
  SCRATCH_START,
} from './job-layout.ts';
import { createSharedHeap, type SharedHeap } from './shared-heap.ts';

/** What kernels.wasm exports; addresses and lengths are 32-bit integers. */
export interface KernelExports {
  runJob(scratch: number, heartbeat: number): void;
  tileActivations(source: number, target: number, rows: number, k: number, mask: number): void;
  splitActivations(tiled: number, high: number, low: number, exponents: number, ranges: number, groups: number): void;
  packWeights(
    source: number,
    rows: number,
    k: number,
    padded: number,
    tiles: number,
    firstTile: number,
    tilesN: number,
    format: number,
    tiesToEven: number,
  ): void;
}

declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: { env: { memory: object } }) => { readonly exports: KernelExports };
};

const MODULE_URL = new URL('./kernels.wasm', import.meta.url);
const WORKER_URL = new URL('./kernel-worker.mjs', import.meta.url);

/** Heartbeat counters lie between HEARTBEAT_START and JOB_START. */
export const MAXIMUM_THREADS: number = (JOB_START - HEARTBEAT_START) / HEARTBEAT_BYTES;

/** A worker that neither finishes nor moves its heartbeat for this long is dead: a heartbeat is milliseconds of work. */
const WORKER_SILENCE_MS = 30_000;
const WAIT_SLICE_MS = 500;

export interface KernelPoolOptions {
  /** The calling thread included. */
  readonly threads: number;
  readonly workerSilenceMs?: number;
}

/** A shared memory of at most 4 GiB and the kernels on it: all operands of a job lie in one bank. */
export interface KernelBank {
  readonly index: number;
  readonly heap: SharedHeap;
  readonly kernels: KernelExports;
}

export interface KernelPool {
  readonly threads: number;
  /** At least one. */
  readonly banks: readonly [KernelBank, ...KernelBank[]];
  readonly workers: readonly { terminate(): Promise<number> }[];
  /** @throws DeviceError `KERNEL_MEMORY` if the machine has no room for another memory. */
  addBank(): KernelBank;
  /**
   * Runs the job that lies at the bank's JOB_START to its end.
   *
   * @param isSmall - the calling thread does it alone: waking the others would cost more.
   * @throws DeviceError if a worker failed, died or fell silent; the pool is unusable then.
   */
  run(bank: KernelBank, isSmall: boolean): void;
  close(): Promise<void>;
}

export async function createKernelPool({ threads, workerSilenceMs }: KernelPoolOptions): Promise<KernelPool> {
  if (!Number.isInteger(threads) || threads < 1 || threads > MAXIMUM_THREADS) {
    throw new DeviceError('The kernels cannot run on that many threads.', {
      code: 'KERNEL_THREADS',
      facts: { found: threads, wanted: `an integer of 1 to ${MAXIMUM_THREADS}` },
      hint: 'one thread per core is best',
    });
  }
  const module = new WebAssembly.Module(readModule());
  const createBank = (index: number): KernelBank => {
    const heap = createSharedHeap(SCRATCH_START + threads * SCRATCH_BYTES);
    const { exports: kernels } = new WebAssembly.Instance(module, { env: { memory: heap.memory } });
    return { index, heap, kernels };
  };
  const banks: [KernelBank, ...KernelBank[]] = [createBank(0)];
  // Workers wait on the first bank's control block, whichever bank the job lies in.
  const control = banks[0].heap.ints(CONTROL_START, 16);
  let failure: string | undefined;
  let isClosed = false;

  const workers = Array.from({ length: threads - 1 }, (_, index) => {
    const share = index + 1;
    const worker = new Worker(WORKER_URL, {
      workerData: {
        module,
        memory: banks[0].heap.memory,
        control: CONTROL_START,
        words: {
          generation: CONTROL_GENERATION,
          done: CONTROL_DONE,
          failed: CONTROL_FAILED,
          bank: CONTROL_BANK,
        },
        scratch: SCRATCH_START + share * SCRATCH_BYTES,
        heartbeat: HEARTBEAT_START + share * HEARTBEAT_BYTES,
      },
    });
    worker.on('error', (error) => {
      failure ??= `worker ${share} threw: ${String(error)}`;
    });
    worker.on('exit', (code) => {
      if (!isClosed) failure ??= `worker ${share} exited with code ${code}`;
    });
    return worker;
  });
  await Promise.all(workers.map(waitUntilReady));
  // An idle pool must not keep the process alive.
  for (const worker of workers) worker.unref();

  function fail(reason: string): never {
    failure ??= reason;
    throw new DeviceError('A kernel worker is gone; the device model cannot go on.', {
      code: 'KERNEL_WORKER',
      facts: { found: failure, wanted: `${threads - 1} workers that finish their share` },
      hint: 'run again; with --threads 1 no workers are used',
    });
  }

  function waitForWorkers({ heap }: KernelBank): void {
    const heartbeats = heap.ints(HEARTBEAT_START, (threads * HEARTBEAT_BYTES) / 4);
    const silenceMs = workerSilenceMs ?? WORKER_SILENCE_MS;
    let lastBeat = beats(heartbeats);
    let silentSince = performance.now();
    for (;;) {
      const done = Atomics.load(control, CONTROL_DONE);
      if (done === workers.length) return;
      if (Atomics.wait(control, CONTROL_DONE, done, Math.min(WAIT_SLICE_MS, silenceMs)) !== 'timed-out') continue;
      const beat = beats(heartbeats);
      if (beat !== lastBeat) {
        lastBeat = beat;
        silentSince = performance.now();
      } else if (performance.now() - silentSince >= silenceMs) {
        fail(`${workers.length - done} of ${workers.length} workers silent for ${silenceMs} ms`);
      }
    }
  }

  return {
    threads,
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
      if (isClosed) fail('the pool was closed');
      Atomics.store(bank.heap.ints(JOB_START, JOB_BYTES / 4), JOB_NEXT_UNIT / 4, 0);
      const isAlone = isSmall || workers.length === 0;
      if (!isAlone) {
        Atomics.store(control, CONTROL_DONE, 0);
        Atomics.store(control, CONTROL_BANK, bank.index);
        Atomics.add(control, CONTROL_GENERATION, 1);
        Atomics.notify(control, CONTROL_GENERATION);
      }
      bank.kernels.runJob(SCRATCH_START, HEARTBEAT_START);
      if (isAlone) return;
      waitForWorkers(bank);
      if (Atomics.load(control, CONTROL_FAILED) !== 0) fail('a kernel trapped');
    },
    async close() {
      isClosed = true;
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

function readModule(): Uint8Array {
  try {
    return readFileSync(MODULE_URL);
  } catch (cause) {
    throw new DeviceError('The compiled kernels are missing.', {
      code: 'KERNELS_NOT_BUILT',
      facts: { found: 'no readable file', wanted: MODULE_URL.pathname },
      hint: 'npm run kernels',
      cause,
    });
  }
}

function waitUntilReady(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('message', () => resolve());
    worker.once('error', reject);
  });
}

function beats(heartbeats: Int32Array): number {
  let sum = 0;
  for (let i = 0; i < heartbeats.length; i += HEARTBEAT_BYTES / 4) sum += Atomics.load(heartbeats, i);
  return sum;
}
