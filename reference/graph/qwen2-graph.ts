// The Qwen2 decoder as two ONNX graphs, in the checkpoint's names: body (tokens to hidden) and head (hidden to logits).
// Source: Hugging Face Transformers `modeling_qwen2.py`.
import { EMBED_TOKENS, FINAL_NORM, layerPrefix } from '../../src/checkpoint/tensor-names.ts';
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import { type LayerTap, layerTap, type TapName, tapWidth } from '../../src/device/taps.ts';
import { CheckpointWeights, type GraphWeightMemory } from './checkpoint-weights.ts';
import { GraphBuilder, type Value } from './graph-builder.ts';
import type { AttentionOutputs, Operators, RotaryInputs } from './operators.ts';

export interface GraphSettings {
  readonly operators: Operators;
  readonly weights: GraphWeightMemory;
  /** Matrices are multiplied in slices of about so many float32 bytes. */
  readonly sliceBytes: number;
}

/** The names of the body's inputs and outputs; keys and values are per layer. */
export const BODY_IO = {
  tokenIds: 'token_ids',
  cos: 'cos',
  sin: 'sin',
  hidden: 'hidden',
  pastKeys: (layer: number): string => `past_keys.${layer}`,
  pastValues: (layer: number): string => `past_values.${layer}`,
  presentKeys: (layer: number): string => `present_keys.${layer}`,
  presentValues: (layer: number): string => `present_values.${layer}`,
} as const;

export const HEAD_IO = { hidden: 'hidden', logits: 'logits' } as const;

/**
 * The body: `token_ids` [P], rotary `cos` and `sin` [1, P, D/2], past keys and values [1, K, S-P, D] per layer ->
 * `hidden` [P, H] after the final norm, present keys and values [1, K, S, D], and the taps asked for, each [P, its width].
 */
export function buildBody(checkpoint: Checkpoint, settings: GraphSettings, taps: ReadonlySet<TapName>): Uint8Array {
  const { config } = checkpoint;
  const { operators } = settings;
  const { keyValueHeads, headDim, hiddenSize } = config;
  const builder = new GraphBuilder('qwen2-body');
  const weights = checkpointWeights(builder, checkpoint, settings);
  const tap = (name: TapName, value: Value): Value => {
    if (taps.has(name)) builder.output(name, value, 'FLOAT', ['P', tapWidth(name, config)]);
    return value;
  };

  const tokenIds = builder.input(BODY_IO.tokenIds, 'INT64', ['P']);
  const rotary: RotaryInputs = {
    cos: builder.input(BODY_IO.cos, 'FLOAT', [1, 'P', headDim / 2]),
    sin: builder.input(BODY_IO.sin, 'FLOAT', [1, 'P', headDim / 2]),
  };
  let hidden = tap('embed_tokens.out', weights.rowsAt(EMBED_TOKENS, tokenIds));

  for (let layer = 0; layer < config.layers; layer++) {
    const parts: LayerParts = {
      builder,
      weights,
      operators,
      checkpoint,
      prefix: layerPrefix(layer),
      tap: (name, value) => tap(layerTap(layer, name), value),
    };
    const past: Past = {
      keys: builder.input(BODY_IO.pastKeys(layer), 'FLOAT', [1, keyValueHeads, 'past', headDim]),
      values: builder.input(BODY_IO.pastValues(layer), 'FLOAT', [1, keyValueHeads, 'past', headDim]),
    };

    const { attended, presentKeys, presentValues } = selfAttention(
      parts,
      norm(parts, INPUT_NORM, hidden),
      rotary,
      past,
    );
    hidden = parts.tap('post_attention_layernorm.in', operators.add(builder, hidden, attended));
    hidden = operators.add(builder, hidden, mlp(parts, norm(parts, POST_ATTENTION_NORM, hidden)));
    parts.tap('out', hidden);

    builder.output(BODY_IO.presentKeys(layer), presentKeys, 'FLOAT', [1, keyValueHeads, 'S', headDim]);
    builder.output(BODY_IO.presentValues(layer), presentValues, 'FLOAT', [1, keyValueHeads, 'S', headDim]);
  }
  const normed = operators.rmsNorm(builder, hidden, weights.vector(FINAL_NORM), config.rmsNormEps);
  tap('norm.out', normed);
  builder.output(BODY_IO.hidden, normed, 'FLOAT', ['P', hiddenSize]);
  return builder.toBytes();
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

function checkpointWeights(builder: GraphBuilder, checkpoint: Checkpoint, settings: GraphSettings): CheckpointWeights {
  const { weights: memory, sliceBytes, operators } = settings;
  return new CheckpointWeights(builder, checkpoint, { memory, sliceBytes, widen: operators.widenWeight });
}

interface LayerParts {
  readonly builder: GraphBuilder;
  readonly weights: CheckpointWeights;
  readonly operators: Operators;
  readonly checkpoint: Checkpoint;
  /** e.g. `model.layers.3`. */
  readonly prefix: string;
  /** Makes a value an output of the body if its tap is asked for; gives the value back. */
  readonly tap: (name: LayerTap, value: Value) => Value;
}

/** [1, K, S-P, D] each. */
interface Past {
  readonly keys: Value;
  readonly values: Value;
}

interface AttentionParts extends Omit<AttentionOutputs, 'mixed'> {
  /** [P, H]. */
  readonly attended: Value;
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

function selfAttention(parts: LayerParts, x: Value, rotary: RotaryInputs, past: Past): AttentionParts {
  const { builder, operators, checkpoint, tap } = parts;
  const { queryHeads, keyValueHeads, headDim } = checkpoint.config;
  const queries = tap('self_attn.q_proj.out', linear(parts, 'self_attn.q_proj', x, 'bias'));
  const keys = tap('self_attn.k_proj.out', linear(parts, 'self_attn.k_proj', x, 'bias'));
  const values = tap('self_attn.v_proj.out', linear(parts, 'self_attn.v_proj', x, 'bias'));
  const rotatedQueries = tap('self_attn.q_rotated', operators.rotate(builder, queries, queryHeads, headDim, rotary));
  const rotatedKeys = tap('self_attn.k_rotated', operators.rotate(builder, keys, keyValueHeads, headDim, rotary));
  const { mixed, ...present } = operators.attention(
    builder,
    {
      queries: rotatedQueries,
      // This side's cache keeps what it is given.
      keys: tap('self_attn.k_cached', rotatedKeys),
      values: tap('self_attn.v_cached', values),
      pastKeys: past.keys,
      pastValues: past.values,
    },
    { queryHeads, keyValueHeads, headDim },
  );
  const attended = linear(parts, 'self_attn.o_proj', tap('self_attn.o_proj.in', mixed));
  return { attended: tap('self_attn.out', attended), ...present };
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
