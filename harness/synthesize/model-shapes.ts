// The config.json and generation_config.json of the dense Qwen2 models, by name.
// Source: the base models' repositories of June 2024 on Hugging Face.
import { nearestName, UsageError } from '../../src/errors.ts';

export const MODEL_NAMES = ['Qwen2-0.5B', 'Qwen2-1.5B', 'Qwen2-7B', 'Qwen2-72B'] as const;
export type ModelName = (typeof MODEL_NAMES)[number];

/** A config.json as parsed JSON. */
export type ConfigJson = Readonly<Record<string, unknown>>;

interface ModelShape {
  readonly hidden: number;
  readonly intermediate: number;
  readonly layers: number;
  readonly queryHeads: number;
  readonly keyValueHeads: number;
  readonly vocabulary: number;
  readonly isTied: boolean;
  readonly rmsNormEps: number;
}

const SHAPES: Readonly<Record<ModelName, ModelShape>> = {
  'Qwen2-0.5B': {
    hidden: 896,
    intermediate: 4864,
    layers: 24,
    queryHeads: 14,
    keyValueHeads: 2,
    vocabulary: 151_936,
    isTied: true,
    rmsNormEps: 1e-6,
  },
  'Qwen2-1.5B': {
    hidden: 1536,
    intermediate: 8960,
    layers: 28,
    queryHeads: 12,
    keyValueHeads: 2,
    vocabulary: 151_936,
    isTied: true,
    rmsNormEps: 1e-6,
  },
  'Qwen2-7B': {
    hidden: 3584,
    intermediate: 18_944,
    layers: 28,
    queryHeads: 28,
    keyValueHeads: 4,
    vocabulary: 152_064,
    isTied: false,
    rmsNormEps: 1e-6,
  },
  'Qwen2-72B': {
    hidden: 8192,
    intermediate: 29_568,
    layers: 80,
    queryHeads: 64,
    keyValueHeads: 8,
    vocabulary: 152_064,
    isTied: false,
    rmsNormEps: 1e-5,
  },
};

/** `<|endoftext|>`: beginning and end for the base models. */
const END_OF_TEXT = 151_643;

/** Reads a model's name. @throws UsageError with the nearest one. */
export function parseModelName(text: string): ModelName {
  if ((MODEL_NAMES as readonly string[]).includes(text)) return text as ModelName;
  const nearest = nearestName(text, MODEL_NAMES);
  throw new UsageError(`there is no model "${text}".`, {
    code: 'MODEL_NAME',
    facts: { wanted: MODEL_NAMES.join(', ') },
    hint: nearest === undefined ? `write --like ${MODEL_NAMES[0]}, or another of these.` : `did you mean ${nearest}?`,
  });
}

/** The model's config.json; `layers` cuts or lengthens it. */
export function modelConfigJson(name: ModelName, layers: number = SHAPES[name].layers): ConfigJson {
  const shape = SHAPES[name];
  return {
    architectures: ['Qwen2ForCausalLM'],
    attention_dropout: 0,
    bos_token_id: END_OF_TEXT,
    eos_token_id: END_OF_TEXT,
    hidden_act: 'silu',
    hidden_size: shape.hidden,
    initializer_range: 0.02,
    intermediate_size: shape.intermediate,
    max_position_embeddings: 131_072,
    max_window_layers: layers,
    model_type: 'qwen2',
    num_attention_heads: shape.queryHeads,
    num_hidden_layers: layers,
    num_key_value_heads: shape.keyValueHeads,
    rms_norm_eps: shape.rmsNormEps,
    rope_theta: 1_000_000,
    sliding_window: 131_072,
    tie_word_embeddings: shape.isTied,
    torch_dtype: 'bfloat16',
    transformers_version: '4.40.1',
    use_cache: true,
    use_sliding_window: false,
    vocab_size: shape.vocabulary,
  };
}

/** The base models' generation_config.json. */
export function generationConfigJson(): ConfigJson {
  return {
    bos_token_id: END_OF_TEXT,
    do_sample: false,
    eos_token_id: END_OF_TEXT,
    max_new_tokens: 2048,
    transformers_version: '4.37.0',
  };
}
