// Products of weights that are decoded while they are used: matrices in slices of their rows, never whole in memory.
// Exactness: no bit depends on how many rows are multiplied together (graph/row-blocks.ts).
import {
  type CheckpointTensor,
  readTensorRows,
  readWholeTensor,
  sidesOf,
} from '../src/checkpoint/checkpoint-tensor.ts';
import type { Checkpoint } from '../src/checkpoint/weights.ts';
import { rowSlices } from './graph/checkpoint-weights.ts';
import { Tensor } from './graph/onnx-runtime.ts';
import type { Operators } from './graph/operators.ts';
import type { Product } from './graph/product-graph.ts';
import { inBlocks } from './graph/row-blocks.ts';
import { type GraphRunner, openRunner, type SessionSettings } from './graph/session.ts';
import { buildSteps, STEP_OUTPUTS } from './graph/step-graphs.ts';
import type { Products } from './products.ts';
import { vectorOf } from './step-model.ts';

/** A slice of a matrix as float32: large against the cost of a call, small against a model. */
const STREAMED_SLICE_BYTES: number = 32 * 2 ** 20;

export class DecodedProducts implements Products {
  readonly #checkpoint: Checkpoint;
  readonly #bare: GraphRunner;
  readonly #biased: GraphRunner;
  #room = new Float32Array(0);

  private constructor(checkpoint: Checkpoint, bare: GraphRunner, biased: GraphRunner) {
    this.#checkpoint = checkpoint;
    this.#bare = bare;
    this.#biased = biased;
  }

  /** @throws ReferenceFaultError if ONNX Runtime refuses a step. */
  static async open(checkpoint: Checkpoint, operators: Operators, settings: SessionSettings): Promise<DecodedProducts> {
    const { linear, linearWithBias } = buildSteps(checkpoint.config, operators);
    const bare = await openRunner(linear, settings);
    return new DecodedProducts(checkpoint, bare, await openRunner(linearWithBias, settings));
  }

  async multiply(x: Tensor, group: readonly Product[]): Promise<readonly Tensor[]> {
    const products: Tensor[] = [];
    const blocks = inBlocks(x);
    for (const { weight, bias } of group) products.push(await this.#multiply(blocks, x.dims[0]!, weight, bias));
    return products;
  }

  async release(): Promise<void> {
    await this.#bare.release();
    await this.#biased.release();
  }

  /** x [B, 16, K], weight [N, K], bias [N] -> [P, N]. */
  async #multiply(x: Tensor, rows: number, weight: string, bias?: string): Promise<Tensor> {
    const tensor = this.#tensor(weight);
    const [height, width] = sidesOf(tensor);
    const biases = bias === undefined ? undefined : readWholeTensor(this.#tensor(bias));
    const product = new Float32Array(rows * height);
    const slices = rowSlices(0, height, width, STREAMED_SLICE_BYTES);
    const room = width * Math.max(...slices.map(([first, end]) => end - first));
    for (const [first, end] of slices) {
      const count = end - first;
      const slice = new Tensor('float32', this.#rows(tensor, first, count, room), [count, width]);
      const outputs =
        biases === undefined
          ? await this.#bare.run({ x, weight: slice })
          : await this.#biased.run({ x, weight: slice, bias: vectorOf(biases.subarray(first, first + count)) });
      const values = outputs[STEP_OUTPUTS.linear[0]]!.data as Float32Array;
      for (let row = 0; row < rows; row++) {
        product.set(values.subarray(row * count, (row + 1) * count), row * height + first);
      }
    }
    return new Tensor('float32', product, [rows, height]);
  }

  /** Decoded into one room, which is free again when the product is made: a slice allocated each time would wait for the collector. */
  #rows(tensor: CheckpointTensor, first: number, count: number, room: number): Float32Array {
    if (tensor.kind === 'plain') return readTensorRows(tensor, first, count);
    if (this.#room.length < room) this.#room = new Float32Array(room);
    const rows = this.#room.subarray(0, count * sidesOf(tensor)[1]);
    tensor.decodeRows(first, rows);
    return rows;
  }

  #tensor(name: string): CheckpointTensor {
    return this.#checkpoint.tensors.get(name)!;
  }
}
