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
import { type LayerTap, layerTap, type TapName } from '../src/device/taps.ts';
import { Tensor } from './graph/onnx-runtime.ts';
import type { Operators } from './graph/operators.ts';
import { BODY_IO, HEAD_IO } from './graph/qwen2-graph.ts';
import { type GraphRunner, openRunner, type SessionSettings, type Tensors } from './graph/session.ts';
import { buildSteps, STEP_OUTPUTS, type StepName } from './graph/step-graphs.ts';

/** A slice of a matrix as float32: large against the cost of a call, small against a model. */
const SLICE_BYTES = 32 * 2 ** 20;
/** The runtime's threads share a slice's rows in blocks. */
const SLICE_ROW_BLOCK = 64;
const FLOAT32_BYTES = 4;

/** A layer's outputs and the taps on the way. */
interface LayerResult {
  readonly hidden: Tensor;
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** [1, K, S-P, D] each, and the tables of this pass. */
type Past = Readonly<Record<'past_keys' | 'past_values' | 'cos' | 'sin', Tensor>>;

export class StreamedModel {
  readonly #checkpoint: Checkpoint;
  readonly #steps: Readonly<Record<StepName, GraphRunner>>;
  readonly #taps: ReadonlySet<TapName>;
  #room = new Float32Array(0);

  private constructor(
    checkpoint: Checkpoint,
    steps: Readonly<Record<StepName, GraphRunner>>,
    taps: ReadonlySet<TapName>,
  ) {
    this.#checkpoint = checkpoint;
    this.#steps = steps;
    this.#taps = taps;
  }

  /** @throws ReferenceFaultError if ONNX Runtime refuses a step. */
  static async open(
    checkpoint: Checkpoint,
    operators: Operators,
    settings: SessionSettings,
    taps: ReadonlySet<TapName>,
  ): Promise<StreamedModel> {
    const steps: Partial<Record<StepName, GraphRunner>> = {};
    for (const [name, graph] of Object.entries(buildSteps(checkpoint.config, operators))) {
      steps[name as StepName] = await openRunner(graph, settings);
    }
    return new StreamedModel(checkpoint, steps as Record<StepName, GraphRunner>, taps);
  }

  /** Inputs and outputs as of `buildBody`'s graph. */
  async runBody(feeds: Tensors): Promise<Tensors> {
    const outputs: Record<string, Tensor> = {};
    const tap = (name: TapName, value: Tensor): Tensor => {
      if (this.#taps.has(name)) outputs[name] = value;
      return value;
    };
    const tokenIds = Array.from(feeds[BODY_IO.tokenIds]!.data as BigInt64Array, Number);
    let hidden = tap('embed_tokens.out', await this.#embed(tokenIds));
    for (let layer = 0; layer < this.#checkpoint.config.layers; layer++) {
      const past: Past = {
        past_keys: feeds[BODY_IO.pastKeys(layer)]!,
        past_values: feeds[BODY_IO.pastValues(layer)]!,
        cos: feeds[BODY_IO.cos]!,
        sin: feeds[BODY_IO.sin]!,
      };
      const made = await this.#layer(layer, hidden, past, (name, value) => tap(layerTap(layer, name), value));
      hidden = made.hidden;
      outputs[BODY_IO.presentKeys(layer)] = made.keys;
      outputs[BODY_IO.presentValues(layer)] = made.values;
    }
    outputs[BODY_IO.hidden] = tap('norm.out', await this.#norm(hidden, FINAL_NORM));
    return outputs;
  }

  /** Inputs and outputs as of `buildHead`'s graph. */
  async runHead(feeds: Tensors): Promise<Tensors> {
    return { [HEAD_IO.logits]: await this.#linear(feeds[HEAD_IO.hidden]!, this.#checkpoint.lmHeadName) };
  }

  async release(): Promise<void> {
    for (const step of Object.values(this.#steps)) await step.release();
  }

  async #layer(
    layer: number,
    input: Tensor,
    past: Past,
    tap: (name: LayerTap, value: Tensor) => Tensor,
  ): Promise<LayerResult> {
    const prefix = layerPrefix(layer);
    const linear = (name: string, x: Tensor): Promise<Tensor> => this.#linear(x, `${prefix}.${name}.weight`);
    const biased = (name: string, x: Tensor): Promise<Tensor> =>
      this.#linear(x, `${prefix}.${name}.weight`, `${prefix}.${name}.bias`);

    const normed = tap('input_layernorm.out', await this.#norm(input, `${prefix}.input_layernorm.weight`));
    const queries = tap('self_attn.q_proj.out', await biased('self_attn.q_proj', normed));
    const keys = tap('self_attn.k_proj.out', await biased('self_attn.k_proj', normed));
    const values = tap('self_attn.v_proj.out', await biased('self_attn.v_proj', normed));
    const [rotatedQueries, rotatedKeys, mixed, presentKeys, presentValues] = await this.#step('attention', {
      queries,
      keys,
      values,
      ...past,
    });
    tap('self_attn.q_rotated', rotatedQueries!);
    tap('self_attn.k_cached', tap('self_attn.k_rotated', rotatedKeys!));
    tap('self_attn.v_cached', values);
    const attended = tap('self_attn.out', await linear('self_attn.o_proj', tap('self_attn.o_proj.in', mixed!)));
    const [sum] = await this.#step('add', { a: input, b: attended });
    const afterAttention = tap('post_attention_layernorm.in', sum!);

    const read = tap(
      'post_attention_layernorm.out',
      await this.#norm(afterAttention, `${prefix}.post_attention_layernorm.weight`),
    );
    const gate = tap('mlp.gate_proj.out', await linear('mlp.gate_proj', read));
    const up = tap('mlp.up_proj.out', await linear('mlp.up_proj', read));
    const [gated] = await this.#step('gatedSilu', { gate, up });
    const added = tap('mlp.out', await linear('mlp.down_proj', tap('mlp.down_proj.in', gated!)));
    const [hidden] = await this.#step('add', { a: afterAttention, b: added });
    return { hidden: tap('out', hidden!), keys: presentKeys!, values: presentValues! };
  }

  async #step(name: StepName, feeds: Tensors): Promise<Tensor[]> {
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
    const step = Math.min(
      height,
      SLICE_ROW_BLOCK * Math.max(1, Math.floor(SLICE_BYTES / (width * FLOAT32_BYTES * SLICE_ROW_BLOCK))),
    );
    for (let first = 0; first < height; first += step) {
      const count = Math.min(step, height - first);
      const slice = new Tensor('float32', this.#rows(tensor, first, count, step * width), [count, width]);
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
