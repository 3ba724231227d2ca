// The body and head of a checkpoint whose weights are widened or decoded at each use: a step at a time, products made elsewhere.
// Exactness: the operators of the graph of a stage, in its order.
import { type CheckpointTensor, readWholeTensor } from '../src/checkpoint/checkpoint-tensor.ts';
import { EMBED_TOKENS, FINAL_NORM, layerPrefix } from '../src/checkpoint/tensor-names.ts';
import type { Checkpoint } from '../src/checkpoint/weights.ts';
import type { LayerTap, TapName } from '../src/device/taps.ts';
import { Tensor } from './graph/onnx-runtime.ts';
import type { Operators } from './graph/operators.ts';
import { layerProducts } from './graph/product-graph.ts';
import { BODY_IO, HEAD_IO, stageOf, stageTaps } from './graph/qwen2-graph.ts';
import { type GraphRunner, openRunner, type SessionSettings, type Tensors } from './graph/session.ts';
import { buildSteps, STEP_OUTPUTS, type StepName } from './graph/step-graphs.ts';
import type { Products } from './products.ts';

/** Attention is a session of its own, for weights of all kinds. */
type Steps = Readonly<
  Record<Exclude<StepName, 'attention' | 'attentionOfOne' | 'linear' | 'linearWithBias'>, GraphRunner>
>;

export class StepModel {
  readonly #checkpoint: Checkpoint;
  readonly #steps: Steps;
  readonly #taps: ReadonlySet<TapName>;
  readonly #products: Products;

  private constructor(checkpoint: Checkpoint, steps: Steps, taps: ReadonlySet<TapName>, products: Products) {
    this.#checkpoint = checkpoint;
    this.#steps = steps;
    this.#taps = taps;
    this.#products = products;
  }

  /** @throws ReferenceFaultError if ONNX Runtime refuses a step. */
  static async open(
    checkpoint: Checkpoint,
    operators: Operators,
    settings: SessionSettings,
    taps: ReadonlySet<TapName>,
    products: Products,
  ): Promise<StepModel> {
    const {
      attention: _attention,
      attentionOfOne: _attentionOfOne,
      linear: _linear,
      linearWithBias: _biased,
      ...graphs
    } = buildSteps(checkpoint.config, operators);
    const steps: Record<string, GraphRunner> = {};
    for (const [name, graph] of Object.entries(graphs)) steps[name] = await openRunner(graph, settings);
    return new StepModel(checkpoint, steps as Steps, taps, products);
  }

  /** Inputs and outputs as of `buildStage`'s graph. */
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
    const [logits] = await this.#products.multiply(feeds[HEAD_IO.hidden]!, [{ weight: this.#checkpoint.lmHeadName }]);
    return { [HEAD_IO.logits]: logits! };
  }

  async release(): Promise<void> {
    for (const step of Object.values(this.#steps)) await step.release();
    await this.#products.release();
  }

  async #beforeAttention(
    layer: number,
    hidden: Tensor,
    angles: Tensors,
    tap: (name: LayerTap, value: Tensor) => Tensor,
  ): Promise<Tensors> {
    const prefix = layerPrefix(layer);
    const { attention } = layerProducts(prefix);
    const normed = tap('input_layernorm.out', await this.#norm(hidden, `${prefix}.input_layernorm.weight`));
    const made = await this.#products.multiply(normed, attention);
    const queries = tap('self_attn.q_proj.out', made[0]!);
    const keys = tap('self_attn.k_proj.out', made[1]!);
    const values = tap('self_attn.v_proj.out', made[2]!);
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
    const { output, gateAndUp, down } = layerProducts(prefix);
    const [attended] = await this.#products.multiply(tap('self_attn.o_proj.in', mixed), output);
    const [sum] = await this.#step('add', { a: before, b: tap('self_attn.out', attended!) });
    const stream = tap('post_attention_layernorm.in', sum!);
    const read = tap(
      'post_attention_layernorm.out',
      await this.#norm(stream, `${prefix}.post_attention_layernorm.weight`),
    );
    const [gate, up] = await this.#products.multiply(read, gateAndUp);
    const [gated] = await this.#step('gatedSilu', {
      gate: tap('mlp.gate_proj.out', gate!),
      up: tap('mlp.up_proj.out', up!),
    });
    const [added] = await this.#products.multiply(tap('mlp.down_proj.in', gated!), down);
    const [after] = await this.#step('add', { a: stream, b: tap('mlp.out', added!) });
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

  #tensor(name: string): CheckpointTensor {
    return this.#checkpoint.tensors.get(name)!;
  }
}

/** [N]. */
export function vectorOf(values: Float32Array): Tensor {
  return new Tensor('float32', values, [values.length]);
}
