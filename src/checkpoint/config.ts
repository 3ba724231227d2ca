// config.json and generation_config.json of a Qwen2 checkpoint: what is modelled is parsed, the rest refused by name.
// Source: Hugging Face Transformers `Qwen2Config` (defaults), in the spelling of version 4 and of version 5.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { InputError, UnsupportedError } from '../errors.ts';

/** Rotary embedding stretched by YaRN (arXiv 2309.00071); what is absent follows from `factor`. */
export interface YarnRopeScaling {
  readonly kind: 'yarn';
  readonly factor: number;
  readonly originalMaxPositionEmbeddings: number;
  readonly betaFast: number;
  readonly betaSlow: number;
  /** Factor on cos and sin, if the config states it. */
  readonly attentionFactor?: number;
  readonly mscale?: number;
  readonly mscaleAllDim?: number;
  /** Whether the ramp's ends are rounded to whole dimensions. */
  readonly truncate: boolean;
}

export interface ModelConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly queryHeads: number;
  readonly keyValueHeads: number;
  readonly headDim: number;
  readonly vocabSize: number;
  readonly rmsNormEps: number;
  readonly ropeTheta: number;
  readonly ropeScaling?: YarnRopeScaling;
  readonly maxPositionEmbeddings: number;
  readonly tieWordEmbeddings: boolean;
  /** Ids that end a greedy continuation: generation_config.json's, else config.json's; may be empty. */
  readonly eosTokenIds: readonly number[];
  readonly bosTokenId: number | undefined;
  /** As written: `bfloat16`, `float16`, `float32`; `unknown` if absent. */
  readonly torchDtype: string;
}

/** Most positions of a sequence. */
export interface LongestSequence {
  readonly positions: number;
  /** The config's fields that say so, for messages. */
  readonly because: string;
}

/** `max_position_embeddings`, or what YaRN stretches its original context to (checkpoints may keep the former at the latter's origin). */
export function longestSequence({
  maxPositionEmbeddings,
  ropeScaling,
}: Pick<ModelConfig, 'maxPositionEmbeddings' | 'ropeScaling'>): LongestSequence {
  if (ropeScaling === undefined) return { positions: maxPositionEmbeddings, because: 'max_position_embeddings' };
  const { factor, originalMaxPositionEmbeddings: original } = ropeScaling;
  return {
    positions: Math.floor(factor * original),
    because: `rope_scaling: factor ${factor} x ${original} positions`,
  };
}

const count = z.int().positive();
const positive = z.number().positive();
const tokenId = z.int().nonnegative();
const tokenIds = z.union([tokenId, z.array(tokenId)]).nullish();

const ropeSchema = z.looseObject({
  rope_type: z.string().nullish(),
  type: z.string().nullish(),
  rope_theta: positive.nullish(),
  factor: positive.nullish(),
  original_max_position_embeddings: count.nullish(),
  beta_fast: positive.nullish(),
  beta_slow: positive.nullish(),
  attention_factor: positive.nullish(),
  mscale: z.number().nullish(),
  mscale_all_dim: z.number().nullish(),
  truncate: z.boolean().nullish(),
  partial_rotary_factor: z.number().nullish(),
});

const identitySchema = z.looseObject({
  architectures: z.array(z.string()).nullish(),
  model_type: z.string().nullish(),
  quantization_config: z.looseObject({ quant_method: z.string().nullish() }).nullish(),
  num_experts: z.number().nullish(),
  hidden_act: z.string().nullish(),
});

const configSchema = z.looseObject({
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  vocab_size: count,
  rms_norm_eps: positive.nullish(),
  rope_theta: positive.nullish(),
  rope_scaling: ropeSchema.nullish(),
  rope_parameters: ropeSchema.nullish(),
  max_position_embeddings: count.nullish(),
  tie_word_embeddings: z.boolean().nullish(),
  use_sliding_window: z.boolean().nullish(),
  sliding_window: count.nullish(),
  max_window_layers: z.int().nonnegative().nullish(),
  layer_types: z.array(z.string()).nullish(),
  partial_rotary_factor: z.number().nullish(),
  eos_token_id: tokenIds,
  bos_token_id: tokenId.nullish(),
  torch_dtype: z.string().nullish(),
  dtype: z.string().nullish(),
});
type RawConfig = z.infer<typeof configSchema>;

const generationSchema = z.looseObject({ eos_token_id: tokenIds, bos_token_id: tokenId.nullish() });

/**
 * Reads `config.json` and, if there is one, `generation_config.json` of a checkpoint folder.
 *
 * @throws InputError for an unreadable or malformed file, UnsupportedError for what is not modelled.
 */
export function readModelConfig(folder: string): ModelConfig {
  const path = join(folder, 'config.json');
  const generationPath = join(folder, 'generation_config.json');
  const generation = existsSync(generationPath) ? readJson(generationPath) : {};
  return parseModelConfig(readJson(path), { path, generation, generationPath });
}

/** `readModelConfig` on parsed JSON; `path` only names the file in errors. */
export function parseModelConfig(
  json: unknown,
  { path = 'config.json', generation = {}, generationPath = 'generation_config.json' }: ParseOptions = {},
): ModelConfig {
  refuseOtherModels(path, parse(identitySchema, json, path));
  const raw = parse(configSchema, json, path);
  const { eos_token_id: generationEos, bos_token_id: generationBos } = parse(
    generationSchema,
    generation,
    generationPath,
  );
  const maxPositionEmbeddings = raw.max_position_embeddings ?? 32_768;
  // Version 5 holds theta and scaling in rope_parameters, version 4 in two places.
  const rope = raw.rope_parameters ?? raw.rope_scaling ?? {};
  refusePartialRotary(path, rope.partial_rotary_factor ?? raw.partial_rotary_factor ?? 1);
  const ropeScaling = parseRopeScaling(path, rope, maxPositionEmbeddings);
  const scaling = ropeScaling === undefined ? {} : { ropeScaling };
  refuseSlidingWindow(path, raw, longestSequence({ maxPositionEmbeddings, ...scaling }));
  return {
    hiddenSize: raw.hidden_size,
    intermediateSize: raw.intermediate_size,
    layers: raw.num_hidden_layers,
    ...parseHeads(path, raw),
    vocabSize: raw.vocab_size,
    rmsNormEps: raw.rms_norm_eps ?? 1e-6,
    ropeTheta: rope.rope_theta ?? raw.rope_theta ?? 10_000,
    ...scaling,
    maxPositionEmbeddings,
    tieWordEmbeddings: raw.tie_word_embeddings ?? false,
    eosTokenIds: [generationEos ?? raw.eos_token_id ?? []].flat(),
    bosTokenId: generationBos ?? raw.bos_token_id ?? undefined,
    torchDtype: raw.dtype ?? raw.torch_dtype ?? 'unknown',
  };
}

export interface ParseOptions {
  readonly path?: string;
  readonly generation?: unknown;
  readonly generationPath?: string;
}

function refuseOtherModels(path: string, raw: z.infer<typeof identitySchema>): void {
  const architectures = raw.architectures ?? ['Qwen2ForCausalLM'];
  const modelType = raw.model_type ?? 'qwen2';
  if (modelType.includes('moe') || architectures.some((name) => /moe/i.test(name)) || (raw.num_experts ?? 0) > 0) {
    throw refused(path, 'MOE', 'mixture-of-experts checkpoints are not modelled', `${modelType}, ${architectures}`);
  }
  if (modelType !== 'qwen2' || !architectures.includes('Qwen2ForCausalLM')) {
    throw refused(path, 'ARCHITECTURE', 'the architecture is not Qwen2ForCausalLM', `${modelType}, ${architectures}`);
  }
  if (raw.quantization_config != null) {
    const method = raw.quantization_config.quant_method ?? 'unknown method';
    throw refused(path, 'QUANTIZED', 'quantised checkpoints are not modelled', `quantization_config, ${method}`);
  }
  if (raw.hidden_act != null && raw.hidden_act !== 'silu') {
    throw refused(path, 'HIDDEN_ACT', 'the only activation modelled is silu', `hidden_act ${raw.hidden_act}`);
  }
}

/** A window is active if some layer uses it and the longest sequence exceeds it. */
function refuseSlidingWindow(path: string, raw: RawConfig, { positions, because }: LongestSequence): void {
  const types = raw.layer_types;
  if (types != null && types.length !== raw.num_hidden_layers) {
    throw malformed(path, 'layer_types has another length than num_hidden_layers', types.length, raw.num_hidden_layers);
  }
  const otherType = types?.find((type) => type !== 'full_attention' && type !== 'sliding_attention');
  if (otherType !== undefined) {
    throw refused(path, 'LAYER_TYPE', 'a layer is of an unknown type', `layer_types ${otherType}`);
  }
  if (raw.use_sliding_window !== true || raw.sliding_window == null) return;
  const firstWindowed = raw.max_window_layers ?? 28;
  const usesWindow = types?.includes('sliding_attention') ?? firstWindowed < raw.num_hidden_layers;
  if (usesWindow && raw.sliding_window < positions) {
    const found = `sliding_window ${raw.sliding_window}, ${positions} positions (${because})`;
    throw refused(path, 'SLIDING_WINDOW', 'an active sliding window is not modelled', found);
  }
}

function refusePartialRotary(path: string, factor: number): void {
  if (factor === 1) return;
  throw refused(path, 'PARTIAL_ROTARY', 'partial rotary embedding is not modelled', `partial_rotary_factor ${factor}`);
}

function parseHeads(path: string, raw: RawConfig): Pick<ModelConfig, 'queryHeads' | 'keyValueHeads' | 'headDim'> {
  const queryHeads = raw.num_attention_heads;
  const keyValueHeads = raw.num_key_value_heads ?? queryHeads;
  const headDim = raw.head_dim ?? raw.hidden_size / queryHeads;
  if (queryHeads % keyValueHeads !== 0) {
    const wanted = `a divisor of num_attention_heads ${queryHeads}`;
    throw malformed(path, 'num_key_value_heads does not divide the query heads', keyValueHeads, wanted);
  }
  if (headDim % 2 !== 0) {
    const wanted = 'an even whole number: head_dim, or hidden_size / num_attention_heads';
    throw malformed(path, 'the head dimension cannot be rotated in halves', headDim, wanted);
  }
  return { queryHeads, keyValueHeads, headDim };
}

function parseRopeScaling(
  path: string,
  rope: z.infer<typeof ropeSchema>,
  maxPositionEmbeddings: number,
): YarnRopeScaling | undefined {
  const kind = rope.rope_type ?? rope.type ?? 'default';
  if (kind === 'default') return undefined;
  if (kind !== 'yarn') throw refused(path, 'ROPE_TYPE', 'the only rope scaling modelled is yarn', `rope type ${kind}`);
  const original = rope.original_max_position_embeddings ?? maxPositionEmbeddings;
  const factor = rope.factor ?? maxPositionEmbeddings / original;
  if (factor < 1) throw malformed(path, 'YaRN stretches: its factor is at least 1', factor, '>= 1');
  return {
    kind: 'yarn',
    factor,
    originalMaxPositionEmbeddings: original,
    betaFast: rope.beta_fast ?? 32,
    betaSlow: rope.beta_slow ?? 1,
    ...(rope.attention_factor == null ? {} : { attentionFactor: rope.attention_factor }),
    ...(rope.mscale == null ? {} : { mscale: rope.mscale }),
    ...(rope.mscale_all_dim == null ? {} : { mscaleAllDim: rope.mscale_all_dim }),
    truncate: rope.truncate ?? true,
  };
}

function refused(path: string, code: string, what: string, found: string): UnsupportedError {
  return new UnsupportedError(`${path}: ${what}.`, {
    code: `CONFIG_${code}`,
    facts: { found },
    hint: 'use a dense Qwen2 or Qwen2.5 checkpoint in BF16, F16 or F32',
  });
}

function malformed(path: string, what: string, found: string | number, wanted: string | number): InputError {
  return new InputError(`${path}: ${what}.`, { code: 'CONFIG_MALFORMED', facts: { found, wanted } });
}

function parse<T extends z.ZodType>(schema: T, json: unknown, path: string): z.infer<T> {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const facts = Object.fromEntries(result.error.issues.map((issue) => [issue.path.join('.') || 'file', issue.message]));
  throw new InputError(`${path}: fields are missing or of the wrong kind.`, { code: 'CONFIG_MALFORMED', facts });
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new InputError(`${path}: the file cannot be read as JSON.`, {
      code: 'CONFIG_UNREADABLE',
      facts: { found: (cause as Error).message },
      hint: 'name a Hugging Face checkpoint folder: config.json, model.safetensors, tokenizer.json',
      cause,
    });
  }
}
