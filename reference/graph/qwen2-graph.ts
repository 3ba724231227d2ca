// The Qwen2 decoder as ONNX graphs, in the checkpoint's names: stages of the body (what stands between two attentions) and head (hidden to logits).
// Attention is not in them: it is the one step whose rows belong to a sequence. Rows of any sequences pass through the rest together.
// Source: Hugging Face Transformers `modeling_qwen2.py`.
import { EMBED_TOKENS, FINAL_NORM, layerPrefix } from '../../src/checkpoint/tensor-names.ts';
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import { LAYER_TAPS, type LayerTap, layerTap, type TapName, tapWidth } from '../../src/device/taps.ts';
import { CheckpointWeights } from './checkpoint-weights.ts';
import { GraphBuilder, type Value } from './graph-builder.ts';
import type { Operators, RotaryInputs } from './operators.ts';
import type { Tensors } from './session.ts';

export interface GraphSettings {
  readonly operators: Operators;
  /** Matrices are multiplied in slices of about so many float32 bytes. */
  readonly sliceBytes: number;
}

/** The names of the body's inputs and outputs; an output for a tap is named by `stageTap`. */
export const BODY_IO = {
  stage: 'stage',
  tokenIds: 'token_ids',
  cos: 'cos',
  sin: 'sin',
  hiddenIn: 'hidden_in',
  mixed: 'mixed',
  hidden: 'hidden',
  queries: 'queries',
  keys: 'keys',
  values: 'values',
} as const;

export const HEAD_IO = { hidden: 'hidden', logits: 'logits' } as const;

/** What a stage computes: the embedding or the layer before from its attention on; then a layer up to its attention, or the final norm. */
export function stageCount({ config }: Pick<Checkpoint, 'config'>): number {
  return config.layers + 1;
}

/** Which stage a run of the body is asked for. */
export function stageOf(feeds: Tensors): number {
  return Number((feeds[BODY_IO.stage]!.data as BigInt64Array)[0]);
}

/** The taps of a stage by the name of their output: those of the layer whose attention ended before it, and of the next. */
export function stageTaps(
  stage: number,
  layers: number,
  taps: ReadonlySet<TapName>,
): readonly (readonly [output: string, tap: TapName])[] {
  const found: (readonly [string, TapName])[] = [];
  const add = (output: string, name: TapName): void => {
    if (taps.has(name)) found.push([output, name]);
  };
  if (stage === 0) add('embed_tokens.out', 'embed_tokens.out');
  for (const name of Object.keys(LAYER_TAPS) as LayerTap[]) {
    const layer = BEFORE_ATTENTION.has(name) ? stage : stage - 1;
    if (layer >= 0 && layer < layers) add(name, layerTap(layer, name));
  }
  if (stage === layers) add('norm.out', 'norm.out');
  return found;
}

const BEFORE_ATTENTION: ReadonlySet<LayerTap> = new Set([
  'input_layernorm.out',
  'self_attn.q_proj.out',
  'self_attn.k_proj.out',
  'self_attn.v_proj.out',
  'self_attn.q_rotated',
  'self_attn.k_rotated',
  'self_attn.k_cached',
  'self_attn.v_cached',
]);

/**
 * A stage of the body as a graph of its own: `stage` [] int64 (0 ... layers; whoever runs it picks it by that), `token_ids` [P], rotary `cos`
 * and `sin` [1, P, D/2], `hidden_in` [P, H], `mixed` [P, Q*D] (of the stage before and its attention; not read by stage 0) -> `hidden` [P, H] (of the
 * last stage: after the final norm), rotated `queries` [P, Q*D], `keys`, `values` [P, K*D] (no rows of the last stage), and the taps of
 * that stage, each [P, its width]. Weights are resident.
 */
export function buildStage(
  stage: number,
  checkpoint: Checkpoint,
  settings: GraphSettings,
  taps: ReadonlySet<TapName>,
): Uint8Array {
  const root = new GraphBuilder(`qwen2-stage-${stage}`);
  const inputs = bodyInputs(root, checkpoint);
  const widths = outputWidths(checkpoint, taps);
  return withOutputs(root, widths, stageResults(root, stage, inputs, { checkpoint, settings, widths }));
}

interface BodyInputs extends RotaryInputs {
  readonly stage: Value;
  readonly tokenIds: Value;
  readonly hidden: Value;
  readonly mixed: Value;
}

function bodyInputs(root: GraphBuilder, { config }: Checkpoint): BodyInputs {
  const { queryHeads, headDim, hiddenSize } = config;
  return {
    stage: root.input(BODY_IO.stage, 'INT64', []),
    tokenIds: root.input(BODY_IO.tokenIds, 'INT64', ['P']),
    cos: root.input(BODY_IO.cos, 'FLOAT', [1, 'P', headDim / 2]),
    sin: root.input(BODY_IO.sin, 'FLOAT', [1, 'P', headDim / 2]),
    hidden: root.input(BODY_IO.hiddenIn, 'FLOAT', ['P', hiddenSize]),
    mixed: root.input(BODY_IO.mixed, 'FLOAT', ['P', queryHeads * headDim]),
  };
}

type OutputWidths = readonly (readonly [output: string, width: number])[];

/** Of every output that any stage has. */
function outputWidths({ config }: Checkpoint, taps: ReadonlySet<TapName>): OutputWidths {
  const { keyValueHeads, queryHeads, headDim, hiddenSize, layers } = config;
  const widths = new Map<string, number>([
    [BODY_IO.hidden, hiddenSize],
    [BODY_IO.queries, queryHeads * headDim],
    [BODY_IO.keys, keyValueHeads * headDim],
    [BODY_IO.values, keyValueHeads * headDim],
  ]);
  for (let stage = 0; stage <= layers; stage++) {
    for (const [output, tap] of stageTaps(stage, layers, taps)) widths.set(output, tapWidth(tap, config));
  }
  return [...widths];
}

function withOutputs(root: GraphBuilder, widths: OutputWidths, results: readonly Value[]): Uint8Array {
  widths.forEach(([name, width], i) => {
    root.output(name, results[i]!, 'FLOAT', [`P_${name}`, width]);
  });
  return root.toBytes();
}

interface StageParts {
  readonly checkpoint: Checkpoint;
  readonly settings: GraphSettings;
  readonly widths: OutputWidths;
}

/** A value for each output; without rows where this stage has none. */
function stageResults(
  builder: GraphBuilder,
  stage: number,
  inputs: BodyInputs,
  { checkpoint, settings, widths }: StageParts,
): readonly Value[] {
  const { operators } = settings;
  const { layers, rmsNormEps } = checkpoint.config;
  const weights = checkpointWeights(builder, checkpoint, settings);
  const made = new Map<string, Value>();
  const shown = (name: string, value: Value): Value => {
    made.set(name, value);
    return value;
  };
  const partsOf = (layer: number): LayerParts => {
    return { builder, weights, operators, checkpoint, prefix: layerPrefix(layer), tap: shown };
  };
  let hidden =
    stage === 0
      ? shown('embed_tokens.out', weights.rowsAt(EMBED_TOKENS, inputs.tokenIds))
      : afterAttention(partsOf(stage - 1), inputs.hidden, inputs.mixed);
  if (stage < layers) {
    const { queries, keys, values } = beforeAttention(partsOf(stage), hidden, inputs);
    made.set(BODY_IO.queries, queries).set(BODY_IO.keys, keys).set(BODY_IO.values, values);
  } else hidden = shown('norm.out', operators.rmsNorm(builder, hidden, weights.vector(FINAL_NORM), rmsNormEps));
  made.set(BODY_IO.hidden, hidden);
  return widths.map(([name, width]) => made.get(name) ?? builder.empty([0, width]));
}

/** The head: `hidden` [R, H] -> `logits` [R, V]. */
export function buildHead(checkpoint: Checkpoint, settings: GraphSettings): Uint8Array {
  const { hiddenSize, vocabSize } = checkpoint.config;
  const builder = new GraphBuilder('qwen2-head');
  const weights = checkpointWeights(builder, checkpoint, settings);
  const hidden = builder.input(HEAD_IO.hidden, 'FLOAT', ['R', hiddenSize]);
  const logits = settings.operators.linear(builder, hidden, weights.matrix(checkpoint.lmHeadName, hidden));
  builder.output(HEAD_IO.logits, logits, 'FLOAT', ['R', vocabSize]);
  return builder.toBytes();
}

function checkpointWeights(
  builder: GraphBuilder,
  checkpoint: Checkpoint,
  { sliceBytes, operators }: GraphSettings,
): CheckpointWeights {
  return new CheckpointWeights(builder, checkpoint, { memory: 'resident', sliceBytes, widen: operators.widenWeight });
}

interface LayerParts {
  readonly builder: GraphBuilder;
  readonly weights: CheckpointWeights;
  readonly operators: Operators;
  readonly checkpoint: Checkpoint;
  /** e.g. `model.layers.3`. */
  readonly prefix: string;
  /** Shows a value under its tap's name; gives the value back. */
  readonly tap: (name: LayerTap, value: Value) => Value;
}

const INPUT_NORM = 'input_layernorm';
const POST_ATTENTION_NORM = 'post_attention_layernorm';

function norm(
  { builder, weights, operators, checkpoint, prefix, tap }: LayerParts,
  name: typeof INPUT_NORM | typeof POST_ATTENTION_NORM,
  x: Value,
): Value {
  const weight = weights.vector(`${prefix}.${name}.weight`);
  return tap(`${name}.out`, operators.rmsNorm(builder, x, weight, checkpoint.config.rmsNormEps));
}

/** [P, H] -> rotated queries, rotated keys and values. */
function beforeAttention(
  parts: LayerParts,
  hidden: Value,
  rotary: RotaryInputs,
): Record<'queries' | 'keys' | 'values', Value> {
  const { builder, operators, checkpoint, tap } = parts;
  const { queryHeads, keyValueHeads, headDim } = checkpoint.config;
  const x = norm(parts, INPUT_NORM, hidden);
  const queries = tap('self_attn.q_proj.out', linear(parts, 'self_attn.q_proj', x, 'bias'));
  const keys = tap('self_attn.k_proj.out', linear(parts, 'self_attn.k_proj', x, 'bias'));
  const values = tap('self_attn.v_proj.out', linear(parts, 'self_attn.v_proj', x, 'bias'));
  const rotatedQueries = tap('self_attn.q_rotated', operators.rotate(builder, queries, queryHeads, headDim, rotary));
  const rotatedKeys = tap('self_attn.k_rotated', operators.rotate(builder, keys, keyValueHeads, headDim, rotary));
  // This side's cache keeps what it is given.
  return {
    queries: rotatedQueries,
    keys: tap('self_attn.k_cached', rotatedKeys),
    values: tap('self_attn.v_cached', values),
  };
}

/** The residual stream [P, H] before a layer, what its heads mixed [P, Q*D] -> the stream after the layer. */
function afterAttention(parts: LayerParts, before: Value, mixed: Value): Value {
  const { builder, operators, tap } = parts;
  const attended = tap('self_attn.out', linear(parts, 'self_attn.o_proj', tap('self_attn.o_proj.in', mixed)));
  const hidden = tap('post_attention_layernorm.in', operators.add(builder, before, attended));
  return tap('out', operators.add(builder, hidden, mlp(parts, norm(parts, POST_ATTENTION_NORM, hidden))));
}

function mlp(parts: LayerParts, x: Value): Value {
  const { builder, operators, tap } = parts;
  const gate = tap('mlp.gate_proj.out', linear(parts, 'mlp.gate_proj', x));
  const up = tap('mlp.up_proj.out', linear(parts, 'mlp.up_proj', x));
  const product = tap('mlp.down_proj.in', operators.gatedSilu(builder, gate, up));
  return tap('mlp.out', linear(parts, 'mlp.down_proj', product));
}

function linear({ builder, weights, operators, prefix }: LayerParts, name: string, x: Value, bias?: 'bias'): Value {
  const weight = weights.matrix(`${prefix}.${name}.weight`, x);
  return operators.linear(builder, x, weight, bias && weights.vector(`${prefix}.${name}.bias`));
}
