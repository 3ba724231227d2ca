// Multiplies rows by the matrices of a checkpoint on several threads, each with a session of its own over its share of the weights.
// The runtime widens a slice on one thread: with one session, the others would only multiply what is widened already.
import { Worker } from 'node:worker_threads';
import type { Checkpoint } from '../src/checkpoint/weights.ts';
import { externalDataFolder } from './graph/checkpoint-weights.ts';
import { Tensor } from './graph/onnx-runtime.ts';
import type { Operators } from './graph/operators.ts';
import {
  buildProducts,
  PRODUCT_IO,
  type Product,
  type ProductGroup,
  productGroups,
  shareWidth,
} from './graph/product-graph.ts';
import { inBlocks } from './graph/row-blocks.ts';
import { type GraphRunner, openRunner, runtimeFault, type SessionSettings, sessionOptions } from './graph/session.ts';
import type { Products } from './products.ts';

const WORKER_URL = new URL('./graph/product-worker.mjs', import.meta.url);
const FLOAT32_BYTES = 4;

/** What a worker answers. */
interface Answer {
  readonly failure: string | null;
}

export class ProductLanes implements Products {
  readonly #groups: readonly ProductGroup[];
  /** By the name of the group's first weight. */
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #own: GraphRunner;
  readonly #workers: readonly ProductWorker[];
  #x = new SharedArrayBuffer(0);

  private constructor(groups: readonly ProductGroup[], own: GraphRunner, workers: readonly ProductWorker[]) {
    this.#groups = groups;
    this.#numbers = new Map(groups.map(({ products }, number) => [products[0]!.weight, number]));
    this.#own = own;
    this.#workers = workers;
  }

  /**
   * @param threads - that multiply, this one included.
   * @throws ReferenceFaultError if ONNX Runtime refuses a graph.
   */
  static async open(
    checkpoint: Checkpoint,
    operators: Operators,
    threads: number,
    sliceBytes: number,
  ): Promise<ProductLanes> {
    const groups = productGroups(checkpoint, threads, sliceBytes);
    const settings: SessionSettings = { dataFolder: externalDataFolder(checkpoint), threads: 1, weights: 'mapped' };
    const graph = (thread: number): Uint8Array => buildProducts(checkpoint, groups, thread, operators);
    const opened: Pick<GraphRunner, 'release'>[] = [];
    try {
      const workers = Array.from({ length: threads - 1 }, (_, i) => {
        const worker = new ProductWorker(graph(i + 1), settings);
        opened.push(worker);
        return worker;
      });
      const own = await openRunner(graph(0), settings);
      opened.push(own);
      for (const worker of workers) await worker.opened;
      return new ProductLanes(groups, own, workers);
    } catch (error) {
      for (const one of opened) await one.release();
      throw error;
    }
  }

  async multiply(x: Tensor, [first]: readonly Product[]): Promise<readonly Tensor[]> {
    const number = this.#numbers.get(first!.weight)!;
    const group = this.#groups[number]!;
    const inputs = inBlocks(x);
    const busy = this.#workers.filter((_, i) => shareWidth(group.shares[i + 1]!) > 0);
    if (busy.length > 0) this.#share(inputs.data as Float32Array);
    const jobs = this.#workers.map((worker, i) => {
      const columns = shareWidth(group.shares[i + 1]!);
      return columns === 0 ? undefined : worker.multiply({ group: number, dims: inputs.dims, x: this.#x }, columns);
    });
    const made = await Promise.allSettled([this.#ownProducts(number, inputs), ...jobs]);
    const parts = made.map((part) => {
      if (part.status === 'rejected') throw part.reason;
      return part.value;
    });
    return group.products.map((_, product) => joinColumns(group, product, x.dims[0]!, parts));
  }

  async release(): Promise<void> {
    await this.#own.release();
    for (const worker of this.#workers) await worker.release();
  }

  async #ownProducts(number: number, x: Tensor): Promise<Float32Array | undefined> {
    if (shareWidth(this.#groups[number]!.shares[0]!) === 0) return undefined;
    const index = new Tensor('int64', BigInt64Array.of(BigInt(number)), []);
    const { [PRODUCT_IO.products]: products } = await this.#own.run({ [PRODUCT_IO.group]: index, [PRODUCT_IO.x]: x });
    return products!.data as Float32Array;
  }

  #share(x: Float32Array): void {
    if (this.#x.byteLength < x.byteLength) this.#x = new SharedArrayBuffer(x.byteLength);
    new Float32Array(this.#x).set(x);
  }
}

/** [P, N] of one product from what each thread made of the group: [B, 16, R]. */
function joinColumns(
  { widths, shares }: ProductGroup,
  product: number,
  rows: number,
  parts: readonly (Float32Array | undefined)[],
): Tensor {
  const width = widths[product]!;
  const values = new Float32Array(rows * width);
  for (const [thread, share] of shares.entries()) {
    const slices = share[product]!;
    if (slices.length === 0) continue;
    const columns = shareWidth(share);
    const before = shareWidth(share.slice(0, product));
    const [first, end] = [slices[0]![0], slices.at(-1)![1]];
    for (let row = 0; row < rows; row++) {
      const start = row * columns + before;
      values.set(parts[thread]!.subarray(start, start + end - first), row * width + first);
    }
  }
  return new Tensor('float32', values, [rows, width]);
}

interface Rows {
  readonly group: number;
  /** [B, 16, K]. */
  readonly dims: readonly number[];
  readonly x: SharedArrayBuffer;
}

/** One job at a time. */
class ProductWorker {
  readonly opened: Promise<void>;
  readonly #worker: Worker;
  readonly #gone: Promise<void>;
  #products = new SharedArrayBuffer(0);
  #answer: ((answer: Answer) => void) | undefined;
  #isGone = false;

  constructor(model: Uint8Array, settings: SessionSettings) {
    // Flags of the process (`--input-type` of a script on the command line) are not for this file.
    this.#worker = new Worker(WORKER_URL, { workerData: { model, options: sessionOptions(settings) }, execArgv: [] });
    const answered = (answer: Answer): void => this.#answer?.(answer);
    this.#worker.on('message', answered);
    this.#worker.on('error', (error) => answered({ failure: error.message }));
    this.#gone = new Promise((resolve) => {
      this.#worker.once('exit', (code) => {
        this.#isGone = true;
        answered({ failure: `a thread of the reference ended with code ${code}` });
        resolve();
      });
    });
    this.opened = this.#ask('ONNX Runtime cannot open the reference graph.');
    // Awaited when all are under way; a failure before that is no unhandled one.
    this.opened.catch(() => undefined);
  }

  /** @param columns - R of this thread. @returns [B, 16, R], good until the next call. */
  async multiply(job: Rows, columns: number): Promise<Float32Array> {
    const [blocks = 0, rows = 0] = job.dims;
    const length = blocks * rows * columns;
    if (this.#products.byteLength < length * FLOAT32_BYTES)
      this.#products = new SharedArrayBuffer(length * FLOAT32_BYTES);
    await this.#ask('ONNX Runtime failed while running the reference.', { ...job, products: this.#products });
    return new Float32Array(this.#products, 0, length);
  }

  async release(): Promise<void> {
    if (!this.#isGone) {
      this.#worker.ref();
      this.#worker.postMessage('close');
    }
    await this.#gone;
  }

  /** A thread that waits for work does not keep the process alive; one that works does. */
  async #ask(subject: string, job?: object): Promise<void> {
    if (this.#isGone) throw runtimeFault(subject, new Error('a thread of the reference has ended'));
    const answer = new Promise<Answer>((resolve) => {
      this.#answer = resolve;
    });
    this.#worker.ref();
    if (job !== undefined) this.#worker.postMessage(job);
    const { failure } = await answer;
    this.#answer = undefined;
    this.#worker.unref();
    if (failure !== null) throw runtimeFault(subject, new Error(failure));
  }
}
