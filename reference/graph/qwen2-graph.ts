// The Qwen2 decoder as two ONNX graphs, in the checkpoint's names: body (tokens to hidden) and head (hidden to logits).
// Source: Hugging Face Transformers `modeling_qwen2.py`.
import type { ModelConfig } from '../../src/checkpoint/config.ts';
import { EMBED_TOKENS, FINAL_NORM, layerPrefix } from '../../src/checkpoint/tensor-names.ts';
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import type { TapName } from '../../src/device/logits-source.ts';
import { CheckpointWeights, type WeightMemory } from './checkpoint-weights.ts';
import { GraphBuilder, type Value } from './graph-builder.ts';
import type { AttentionOutputs, Operators, RotaryInputs } from './operators.ts';

export interface GraphSettings {
  readonly operators: Operators;
  readonly weights: WeightMemory;
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

/** Every tap that the body can give, in order of computation. */
export function bodyTaps({ layers }: Pick<ModelConfig, 'layers'>): readonly TapName[] {
  const ofLayer = (layer: number): TapName[] => [
    `layers.${layer}.self_attn.out`,
    `layers.${layer}.mlp.out`,
    `layers.${layer}.out`,
  ];
  return ['embed_tokens.out', ...Array.from({ length: layers }, (_, layer) => ofLayer(layer)).flat(), 'norm.out'];
}

export const HEAD_IO = { hidden: 'hidden', logits: 'logits' } as const;

/**
 * The body: `token_ids` [P], rotary `cos` and `sin` [1, P, D/2], past keys and values [1, K, S-P, D] per layer ->
 * `hidden` [P, H] after the final norm, present keys and values [1, K, S, D], and the taps asked for [P, H].
 */
export function buildBody(checkpoint: Checkpoint, settings: GraphSettings, taps: ReadonlySet<TapName>): Uint8Array {
  const { config } = checkpoint;
  const { operators } = settings;
  const { keyValueHeads, headDim, hiddenSize, rmsNormEps } = config;
  const builder = new GraphBuilder('qwen2-body');
  const weights = checkpointWeights(builder, checkpoint, settings);
  const tap = (name: TapName, value: Value): void => {
    if (taps.has(name)) builder.output(name, value, 'FLOAT', ['P', hiddenSize]);
  };

  const tokenIds = builder.input(BODY_IO.tokenIds, 'INT64', ['P']);
  const rotary: RotaryInputs = {
    cos: builder.input(BODY_IO.cos, 'FLOAT', [1, 'P', headDim / 2]),
    sin: builder.input(BODY_IO.sin, 'FLOAT', [1, 'P', headDim / 2]),
  };
  let hidden = weights.rowsAt(EMBED_TOKENS, tokenIds);
  tap('embed_tokens.out', hidden);

  for (let layer = 0; layer < config.layers; layer++) {
    const prefix = layerPrefix(layer);
    const pastKeys = builder.input(BODY_IO.pastKeys(layer), 'FLOAT', [1, keyValueHeads, 'past', headDim]);
    const pastValues = builder.input(BODY_IO.pastValues(layer), 'FLOAT', [1, keyValueHeads, 'past', headDim]);
    const parts: LayerParts = { builder, weights, operators, checkpoint, prefix };

    const attentionInput = operators.rmsNorm(
      builder,
      hidden,
      weights.vector(`${prefix}.input_layernorm.weight`),
      rmsNormEps,
    );
    const { mixed, presentKeys, presentValues } = selfAttention(parts, attentionInput, rotary, pastKeys, pastValues);
    const attended = linear(parts, 'self_attn.o_proj', mixed);
    tap(`layers.${layer}.self_attn.out`, attended);
    hidden = operators.add(builder, hidden, attended);

    const mlpInput = operators.rmsNorm(
      builder,
      hidden,
      weights.vector(`${prefix}.post_attention_layernorm.weight`),
      rmsNormEps,
    );
    const fed = mlp(parts, mlpInput);
    tap(`layers.${layer}.mlp.out`, fed);
    hidden = operators.add(builder, hidden, fed);
    tap(`layers.${layer}.out`, hidden);

    builder.output(BODY_IO.presentKeys(layer), presentKeys, 'FLOAT', [1, keyValueHeads, 'S', headDim]);
    builder.output(BODY_IO.presentValues(layer), presentValues, 'FLOAT', [1, keyValueHeads, 'S', headDim]);
  }
  const normed = operators.rmsNorm(builder, hidden, weights.vector(FINAL_NORM), rmsNormEps);
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
}

function selfAttention(
  parts: LayerParts,
  x: Value,
  rotary: RotaryInputs,
  pastKeys: Value,
  pastValues: Value,
): AttentionOutputs {
  const { builder, operators, checkpoint } = parts;
  const { queryHeads, keyValueHeads, headDim } = checkpoint.config;
  const queries = linear(parts, 'self_attn.q_proj', x, 'bias');
  const keys = linear(parts, 'self_attn.k_proj', x, 'bias');
  const values = linear(parts, 'self_attn.v_proj', x, 'bias');
  return operators.attention(
    builder,
    {
      queries: operators.rotate(builder, queries, queryHeads, headDim, rotary),
      keys: operators.rotate(builder, keys, keyValueHeads, headDim, rotary),
      values,
      pastKeys,
      pastValues,
    },
    { queryHeads, keyValueHeads, headDim },
  );
}

function mlp(parts: LayerParts, x: Value): Value {
  const gate = linear(parts, 'mlp.gate_proj', x);
  const up = linear(parts, 'mlp.up_proj', x);
  return linear(parts, 'mlp.down_proj', parts.operators.gatedSilu(parts.builder, gate, up));
}

function linear({ builder, weights, operators, prefix }: LayerParts, name: string, x: Value, bias?: 'bias'): Value {
  const weight = weights.matrix(`${prefix}.${name}.weight`, x);
  return operators.linear(builder, x, weight, bias && weights.vector(`${prefix}.${name}.bias`));
}
