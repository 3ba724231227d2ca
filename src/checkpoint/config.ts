// config.json and generation_config.json of a Qwen2 checkpoint: what is modelled is parsed, the rest refused by name.
// Source: Hugging Face Transformers `Qwen2Config` (defaults), in the spelling of version 4 and of version 5.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { InputError, listNames } from '../errors.ts';
import { FLOAT32_MAX, malformed, parseFields, unsupported } from './config-fields.ts';
import { unknownConfigKeys } from './config-keys.ts';
import { readJsonFile } from './files.ts';
import { type IdentityOptions, refuseOtherModels } from './model-identity.ts';
import { parseRope, type YarnRopeScaling } from './rope-config.ts';

export type { YarnRopeScaling } from './rope-config.ts';

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
  /** Positions that a sliding window holds, where a layer has one and it is shorter than what the model allows otherwise. */
  readonly slidingWindow?: number;
  readonly tieWordEmbeddings: boolean;
  /** Ids that end a greedy continuation: generation_config.json's, else config.json's; may be empty. */
  readonly eosTokenIds: readonly number[];
  readonly bosTokenId: number | undefined;
  /** As written: `bfloat16`, `float16`, `float32`; `unknown` if absent. */
  readonly torchDtype: string;
  /** Keys of config.json that are absent, so that Transformers' default was taken. */
  readonly defaulted: readonly string[];
  /** What a report has to say: what is in the file and could change a logit elsewhere, but is not read. */
  readonly notes: readonly string[];
}

/** Most positions of a sequence. */
export interface LongestSequence {
  readonly positions: number;
  /** The config's fields that say so, for messages. */
  readonly because: string;
}

/**
 * `max_position_embeddings`, or what YaRN stretches its original context to (checkpoints may keep the former at the latter's origin), or
 * what fits into a sliding window: up to there it hides nothing, and what it does beyond is not modelled.
 */
export function longestSequence({
  maxPositionEmbeddings,
  ropeScaling,
  slidingWindow,
}: Pick<ModelConfig, 'maxPositionEmbeddings' | 'ropeScaling' | 'slidingWindow'>): LongestSequence {
  if (slidingWindow !== undefined) {
    return {
      positions: slidingWindow,
      because: 'sliding_window: beyond it the window is active, which is not modelled',
    };
  }
  if (ropeScaling === undefined) return { positions: maxPositionEmbeddings, because: 'max_position_embeddings' };
  const { factor, originalMaxPositionEmbeddings: original } = ropeScaling;
  return {
    positions: Math.floor(factor * original),
    because: `rope_scaling: factor ${factor} x ${original} positions`,
  };
}

const count = z.int().positive();
const positive = z.number().positive().max(FLOAT32_MAX);
const tokenId = z.int().nonnegative();
const tokenIds = z.union([tokenId, z.array(tokenId)]).nullish();

const configSchema = z.looseObject({
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  vocab_size: count,
  rms_norm_eps: positive.nullish(),
  max_position_embeddings: count.nullish(),
  tie_word_embeddings: z.boolean().nullish(),
  use_sliding_window: z.boolean().nullish(),
  sliding_window: count.nullish(),
  max_window_layers: z.int().nonnegative().nullish(),
  layer_types: z.array(z.string()).nullish(),
  dual_chunk_attention_config: z.looseObject({ chunk_size: count.nullish(), local_size: count.nullish() }).nullish(),
  auto_map: z.unknown().optional(),
  eos_token_id: tokenIds,
  bos_token_id: tokenId.nullish(),
  torch_dtype: z.string().nullish(),
  dtype: z.string().nullish(),
});
type RawConfig = z.infer<typeof configSchema>;

const generationSchema = z.looseObject({ eos_token_id: tokenIds, bos_token_id: tokenId.nullish() });

export interface ParseOptions extends IdentityOptions {
  readonly path?: string;
  readonly generation?: unknown;
  readonly generationPath?: string;
}

const CHECKPOINT_FOLDER =
  'name a checkpoint: a Hugging Face folder (config.json, model.safetensors, tokenizer.json) or a .gguf file';
const UNREADABLE = { code: 'CONFIG_UNREADABLE', hint: CHECKPOINT_FOLDER } as const;

/**
 * Reads `config.json` and, if there is one, `generation_config.json` of a checkpoint folder.
 *
 * @throws InputError for an unreadable or malformed file, UnsupportedError for what is not modelled.
 */
export function readModelConfig(folder: string, options: IdentityOptions = {}): ModelConfig {
  const json = readConfigJson(folder);
  const path = join(folder, 'config.json');
  const generationPath = join(folder, 'generation_config.json');
  const generation = existsSync(generationPath) ? readJsonFile(generationPath, UNREADABLE) : {};
  return parseModelConfig(json, { ...options, path, generation, generationPath });
}

/** config.json of a folder, parsed. @throws InputError `CHECKPOINT_FOLDER`, `CONFIG_UNREADABLE`. */
export function readConfigJson(folder: string): unknown {
  requireFolder(folder);
  requireNoAdapterAlone(folder);
  return readJsonFile(join(folder, 'config.json'), UNREADABLE);
}

/** What a fine-tune with PEFT leaves is a difference to a model, in a folder that looks like one. */
function requireNoAdapterAlone(folder: string): void {
  if (existsSync(join(folder, 'config.json')) || !existsSync(join(folder, 'adapter_config.json'))) return;
  throw new InputError(`${folder}: this is an adapter (LoRA), not a model.`, {
    code: 'CONFIG_UNREADABLE',
    facts: { found: 'adapter_config.json', wanted: 'config.json' },
    hint: `name it behind the model that it was made for: --weights BASE+${folder}`,
  });
}

function requireFolder(folder: string): void {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found?.isDirectory() === true) return;
  const what = found === undefined ? 'there is no such folder' : 'this is a file, not a folder';
  throw new InputError(`${folder}: ${what}.`, { code: 'CHECKPOINT_FOLDER', hint: CHECKPOINT_FOLDER });
}

/** `readModelConfig` on parsed JSON; `path` only names the file in errors. */
export function parseModelConfig(
  json: unknown,
  { path = 'config.json', generation = {}, generationPath = 'generation_config.json', storedDtypes }: ParseOptions = {},
): ModelConfig {
  refuseOtherModels(path, json, { ...(storedDtypes === undefined ? {} : { storedDtypes }) });
  const raw = parseFields(configSchema, json, path);
  const { eos_token_id: generationEos, bos_token_id: generationBos } = parseFields(
    generationSchema,
    generation,
    generationPath,
  );
  const maxPositionEmbeddings = raw.max_position_embeddings ?? 32_768;
  const rope = parseRope(path, raw, maxPositionEmbeddings);
  const scaling = rope.scaling === undefined ? {} : { ropeScaling: rope.scaling };
  const unwindowed = longestSequence({ maxPositionEmbeddings, ...scaling }).positions;
  return {
    hiddenSize: raw.hidden_size,
    intermediateSize: raw.intermediate_size,
    layers: raw.num_hidden_layers,
    ...parseHeads(path, raw),
    vocabSize: raw.vocab_size,
    rmsNormEps: raw.rms_norm_eps ?? 1e-6,
    ropeTheta: rope.theta,
    ...scaling,
    maxPositionEmbeddings,
    ...parseSlidingWindow(path, raw, unwindowed),
    tieWordEmbeddings: raw.tie_word_embeddings ?? false,
    eosTokenIds: [generationEos ?? raw.eos_token_id ?? []].flat(),
    bosTokenId: generationBos ?? raw.bos_token_id ?? undefined,
    torchDtype: raw.dtype ?? raw.torch_dtype ?? 'unknown',
    defaulted: [...DEFAULTED.filter((key) => raw[key] == null), ...(rope.isThetaDefault ? ['rope_theta'] : [])],
    notes: [...(rope.isThetaDefault ? [thetaNote(rope.theta)] : []), ...rope.notes, ...notesOn(raw)],
  };
}

/** Keys with a default, besides rope_theta. */
const DEFAULTED = [
  'num_key_value_heads',
  'head_dim',
  'rms_norm_eps',
  'max_position_embeddings',
  'tie_word_embeddings',
] as const;

/** Where both sides take the same value, no number of a comparison shows that it is not the model's. */
function thetaNote(theta: number): string {
  return `config.json: rope_theta is missing, and ${theta} is taken, as in Transformers; Qwen2 is trained with 1000000`;
}

function notesOn(raw: RawConfig): string[] {
  const notes: string[] = [];
  const { dual_chunk_attention_config: dual, auto_map: code } = raw;
  if (dual != null) {
    const reach = dual.chunk_size == null ? undefined : dual.chunk_size - (dual.local_size ?? 0);
    notes.push(
      `config.json: dual_chunk_attention_config is not read, as in Transformers; engines that read it compute longer sequences ${
        reach === undefined ? '' : `(from ${reach} positions on) `
      }differently`,
    );
  }
  if (code != null) notes.push("config.json: auto_map names model code of the checkpoint's own, which is not run");
  const unknown = unknownConfigKeys(raw);
  if (unknown.length > 0) {
    notes.push(`config.json: not known and not read, so what they might change is not judged: ${listNames(unknown)}`);
  }
  return notes;
}

/** A window counts if some layer uses it and the longest sequence exceeds it. */
function parseSlidingWindow(path: string, raw: RawConfig, positions: number): Pick<ModelConfig, 'slidingWindow'> {
  const types = raw.layer_types;
  if (types != null && types.length !== raw.num_hidden_layers) {
    throw malformed(path, 'layer_types has another length than num_hidden_layers', types.length, raw.num_hidden_layers);
  }
  const otherType = types?.find((type) => type !== 'full_attention' && type !== 'sliding_attention');
  if (otherType !== undefined) {
    throw unsupported(path, 'LAYER_TYPE', 'a layer is of an unknown type', `layer_types ${otherType}`);
  }
  // Transformers' default is a window of 4096; null is none.
  const stated = raw.sliding_window === undefined ? 4096 : raw.sliding_window;
  const window = raw.use_sliding_window === true ? stated : null;
  const usesWindow = types?.includes('sliding_attention') ?? (raw.max_window_layers ?? 28) < raw.num_hidden_layers;
  if (window === null) {
    if (types?.includes('sliding_attention') !== true) return {};
    const found = `use_sliding_window ${raw.use_sliding_window}, sliding_window ${raw.sliding_window}`;
    throw malformed(
      path,
      'layer_types has sliding_attention, but no window is on',
      found,
      'a window, or full_attention',
    );
  }
  return usesWindow && window < positions ? { slidingWindow: window } : {};
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
