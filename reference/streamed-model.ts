// The body and head of a checkpoint whose weights are decoded while they are used: a step at a time, matrices in slices of their rows.
// Exactness: the operators of the body's graph, in its order; a product's bits may differ where its rows are cut elsewhere.
import {
  type CheckpointTensor,
  readTensorRows,
  readWholeTensor,
  sidesOf,
} from '../src/checkpoint/checkpoint-tensor.ts';
import { EMBED_TOKENS, FINAL_NORM, layerPrefix } from '../src/checkpoint/tensor-names.ts';
import type { Checkpoint } from '../src/checkpoint/weights.ts';
import type { LayerTap, TapName } from '../src/device/taps.ts';
import { rowSlices } from './graph/checkpoint-weights.ts';
import { Tensor } from './graph/onnx-runtime.ts';
import type { Operators } from './graph/operators.ts';
import { BODY_IO, HEAD_IO, stageOf, stageTaps } from './graph/qwen2-graph.ts';
import { type GraphRunner, openRunner, type SessionSettings, type Tensors } from './graph/session.ts';
import { buildSteps, STEP_OUTPUTS, type StepName } from './graph/step-graphs.ts';

/** A slice of a matrix as float32: large against the cost of a call, small against a model. */
export const STREAMED_SLICE_BYTES: number = 32 * 2 ** 20;

/** Attention is a session of its own, for weights of all kinds. */
type Steps = Readonly<Record<Exclude<StepName, 'attention'>, GraphRunner>>;

export class StreamedModel {
  readonly #checkpoint: Checkpoint;
  readonly #steps: Steps;
  readonly #taps: ReadonlySet<TapName>;
  readonly #sliceRows: number;
  #room = new Float32Array(0);

  private constructor(checkpoint: Checkpoint, steps: Steps, taps: ReadonlySet<TapName>, sliceRows: number) {
    this.#checkpoint = checkpoint;
    this.#steps = steps;
    this.#taps = taps;
    this.#sliceRows = sliceRows;
  }

  /**
   * @param sliceRows - the fewest rows of a slice of a matrix, where it has them.
   * @throws ReferenceFaultError if ONNX Runtime refuses a step.
   */
  static async open(
    checkpoint: Checkpoint,
    operators: Operators,
    settings: SessionSettings,
    taps: ReadonlySet<TapName>,
    sliceRows: number,
  ): Promise<StreamedModel> {
    const { attention: _attention, ...graphs } = buildSteps(checkpoint.config, operators);
    const steps: Record<string, GraphRunner> = {};
    for (const [name, graph] of Object.entries(graphs)) steps[name] = await openRunner(graph, settings);
    return new StreamedModel(checkpoint, steps as Steps, taps, sliceRows);
  }

  /** Inputs and outputs as of `buildBody`'s graph. */
  async runBody(feeds: Tensors): Promise<Tensors> {
    const stage = stageOf(feeds);
    const { layers } = this.#checkpoint.config;
    const outputs: Record<string, Tensor> = {};
    const wanted = new Set(stageTaps(stage, layers, this.#taps).map(([output]) => output));
    const tap = (name: string, value: Tensor): Tensor => {
      if (wanted.has(name)) outputs[name] = value;
      return value;
    };
    let hidden: Tensor;
    if (stage === 0) {
      const tokenIds = Array.from(feeds[BODY_IO.tokenIds]!.data as BigInt64Array, Number);
      hidden = tap('embed_tokens.out', await this.#embed(tokenIds));
    } else hidden = await this.#afterAttention(stage - 1, feeds[BODY_IO.hiddenIn]!, feeds[BODY_IO.mixed]!, tap);
    if (stage < layers) Object.assign(outputs, await this.#beforeAttention(stage, hidden, feeds, tap));
    else hidden = tap('norm.out', await this.#norm(hidden, FINAL_NORM));
    outputs[BODY_IO.hidden] = hidden;
    return outputs;
  }

  /** Inputs and outputs as of `buildHead`'s graph. */
  async runHead(feeds: Tensors): Promise<Tensors> {
    return { [HEAD_IO.logits]: await this.#linear(feeds[HEAD_IO.hidden]!, this.#checkpoint.lmHeadName) };
  }

  async release(): Promise<void> {
    for (const step of Object.values(this.#steps)) await step.release();
  }

  async #beforeAttention(
    layer: number,
    hidden: Tensor,
    angles: Tensors,
    tap: (name: LayerTap, value: Tensor) => Tensor,
  ): Promise<Tensors> {
    const prefix = layerPrefix(layer);
    const biased = (name: string, x: Tensor): Promise<Tensor> =>
      this.#linear(x, `${prefix}.${name}.weight`, `${prefix}.${name}.bias`);
    const normed = tap('input_layernorm.out', await this.#norm(hidden, `${prefix}.input_layernorm.weight`));
    const queries = tap('self_attn.q_proj.out', await biased('self_attn.q_proj', normed));
    const keys = tap('self_attn.k_proj.out', await biased('self_attn.k_proj', normed));
    const values = tap('self_attn.v_proj.out', await biased('self_attn.v_proj', normed));
    const { cos, sin } = angles;
    const [rotatedQueries, rotatedKeys] = await this.#step('rotate', { queries, keys, cos: cos!, sin: sin! });
    return {
      [BODY_IO.queries]: tap('self_attn.q_rotated', rotatedQueries!),
      [BODY_IO.keys]: tap('self_attn.k_cached', tap('self_attn.k_rotated', rotatedKeys!)),
      [BODY_IO.values]: tap('self_attn.v_cached', values),
    };
  }

  async #afterAttention(
    layer: number,
    before: Tensor,
    mixed: Tensor,
    tap: (name: LayerTap, value: Tensor) => Tensor,
  ): Promise<Tensor> {
    const prefix = layerPrefix(layer);
    const linear = (name: string, x: Tensor): Promise<Tensor> => this.#linear(x, `${prefix}.${name}.weight`);
    const attended = tap('self_attn.out', await linear('self_attn.o_proj', tap('self_attn.o_proj.in', mixed)));
    const [sum] = await this.#step('add', { a: before, b: attended });
    const stream = tap('post_attention_layernorm.in', sum!);
    const read = tap(
      'post_attention_layernorm.out',
      await this.#norm(stream, `${prefix}.post_attention_layernorm.weight`),
    );
    const gate = tap('mlp.gate_proj.out', await linear('mlp.gate_proj', read));
    const up = tap('mlp.up_proj.out', await linear('mlp.up_proj', read));
    const [gated] = await this.#step('gatedSilu', { gate, up });
    const added = tap('mlp.out', await linear('mlp.down_proj', tap('mlp.down_proj.in', gated!)));
    const [after] = await this.#step('add', { a: stream, b: added });
    return tap('out', after!);
  }

  async #step(name: keyof Steps, feeds: Tensors): Promise<Tensor[]> {
    const outputs = await this.#steps[name].run(feeds);
    return STEP_OUTPUTS[name].map((output) => outputs[output]!);
  }

  async #embed(tokenIds: readonly number[]): Promise<Tensor> {
    const { hiddenSize } = this.#checkpoint.config;
    const rows = new Float32Array(tokenIds.length * hiddenSize);
    for (const [i, id] of tokenIds.entries()) rows.set(this.#checkpoint.readRows(EMBED_TOKENS, id, 1), i * hiddenSize);
    const [embedded] = await this.#step('embed', { x: new Tensor('float32', rows, [tokenIds.length, hiddenSize]) });
    return embedded!;
  }

  async #norm(x: Tensor, name: string): Promise<Tensor> {
    const weight = vectorOf(readWholeTensor(this.#tensor(name)));
    const [normed] = await this.#step('norm', { x, weight });
    return normed!;
  }

  /** x [P, K], weight [N, K], bias [N] -> [P, N]. */
  async #linear(x: Tensor, weight: string, bias?: string): Promise<Tensor> {
    const tensor = this.#tensor(weight);
    const [height, width] = sidesOf(tensor);
    const biases = bias === undefined ? undefined : readWholeTensor(this.#tensor(bias));
    const rowsOfX = x.dims[0]!;
    const product = new Float32Array(rowsOfX * height);
    const slices = rowSlices(height, width, STREAMED_SLICE_BYTES, this.#sliceRows);
    const room = width * Math.max(...slices.map(([first, end]) => end - first));
    for (const [first, end] of slices) {
      const count = end - first;
      const slice = new Tensor('float32', this.#rows(tensor, first, count, room), [count, width]);
      const [part] =
        biases === undefined
          ? await this.#step('linear', { x, weight: slice })
          : await this.#step('linearWithBias', {
              x,
              weight: slice,
              bias: vectorOf(biases.subarray(first, first + count)),
            });
      const values = part!.data as Float32Array;
      for (let row = 0; row < rowsOfX; row++) {
        product.set(values.subarray(row * count, (row + 1) * count), row * height + first);
      }
    }
    return new Tensor('float32', product, [rowsOfX, height]);
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

function vectorOf(values: Float32Array): Tensor {
  return new Tensor('float32', values, [values.length]);
}
