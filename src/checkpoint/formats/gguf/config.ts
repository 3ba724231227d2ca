// What config.json and generation_config.json of a checkpoint would say, from a GGUF file's metadata.
// Source: llama.cpp's conversion of Qwen2ForCausalLM (set_gguf_parameters) and its reader (llm_load_hparams); gguf-py 0.19.0, constants.py.
import { notRead } from '../format.ts';
import { type Fields, numberField, required, shown, textField, truthField } from './fields.ts';

export const ARCHITECTURE = 'qwen2';
const PREFIX = `${ARCHITECTURE}.`;

/** Keys of `qwen2.` that are read, below. */
const READ = [
  ...['block_count', 'context_length', 'embedding_length', 'feed_forward_length', 'vocab_size'],
  ...['attention.head_count', 'attention.head_count_kv', 'attention.key_length', 'attention.value_length'],
  ...['attention.layer_norm_rms_epsilon', 'attention.causal', 'rope.dimension_count', 'rope.freq_base'],
  ...['rope.scaling.type', 'rope.scaling.factor', 'rope.scaling.original_context_length'],
  ...['rope.scaling.yarn_beta_fast', 'rope.scaling.yarn_beta_slow'],
];
/** Keys that change no logit. */
const IRRELEVANT: Readonly<Record<string, string>> = {
  'rope.scaling.finetuned': 'says that the scaling was trained, and llama.cpp only prints it',
};
/** Keys that mean nothing where they have this value; otherwise they are refused as all that is not known. */
const NEUTRAL: Readonly<Record<string, number>> = {
  'rope.scaling.attn_factor': 1,
  'rope.scaling.yarn_ext_factor': 1,
  'rope.scaling.yarn_attn_factor': 1,
  'rope.scaling.yarn_log_multiplier': 0,
  'rope.scale_linear': 1,
};

export interface GgufConfig {
  /** As config.json. */
  readonly config: Readonly<Record<string, unknown>>;
  /** As generation_config.json. */
  readonly generation: Readonly<Record<string, unknown>>;
}

/**
 * @param model.vocabSize - rows of the embedding, which the metadata does not always say.
 * @param model.hasHead - whether there is `output.weight`: without it the embedding makes the logits.
 * @throws InputError `GGUF_HEADER`; UnsupportedError `QUANTISED_UNSUPPORTED` for what is not understood, by name.
 */
export function configOf(fields: Fields, model: { readonly vocabSize: number; readonly hasHead: boolean }): GgufConfig {
  requireQwen2(fields);
  requireKnown(fields);
  const number = (key: string): number => required(fields, PREFIX + key, numberField(fields, PREFIX + key));
  const optional = (key: string): number | undefined => numberField(fields, PREFIX + key);
  const hiddenSize = number('embedding_length');
  const heads = number('attention.head_count');
  const headDim = optional('attention.key_length') ?? hiddenSize / heads;
  requireHeads(fields, headDim);
  const stated = optional('vocab_size');
  if (stated !== undefined && stated !== model.vocabSize) {
    throw notRead(fields.path, 'vocab_size is not that of the embedding', `${stated}`, `${model.vocabSize}`);
  }
  const eos = tokenIds(fields, ['eos', 'eot', 'eom']);
  const [bos] = tokenIds(fields, ['bos']);
  return {
    config: {
      architectures: ['Qwen2ForCausalLM'],
      model_type: ARCHITECTURE,
      hidden_act: 'silu',
      hidden_size: hiddenSize,
      intermediate_size: number('feed_forward_length'),
      num_hidden_layers: number('block_count'),
      num_attention_heads: heads,
      num_key_value_heads: optional('attention.head_count_kv') ?? heads,
      head_dim: headDim,
      vocab_size: model.vocabSize,
      max_position_embeddings: number('context_length'),
      rms_norm_eps: number('attention.layer_norm_rms_epsilon'),
      rope_theta: optional('rope.freq_base') ?? 10_000,
      ...ropeScaling(fields, optional),
      tie_word_embeddings: !model.hasHead,
      use_sliding_window: false,
      eos_token_id: eos[0],
      bos_token_id: bos,
    },
    generation: {
      ...(eos.length === 0 ? {} : { eos_token_id: eos }),
      ...(bos === undefined ? {} : { bos_token_id: bos }),
    },
  };
}

function requireQwen2(fields: Fields): void {
  const architecture = required(fields, 'general.architecture', textField(fields, 'general.architecture'));
  const type = textField(fields, 'general.type') ?? 'model';
  const wanted = `architecture ${ARCHITECTURE}`;
  if (type !== 'model') throw notRead(fields.path, 'this GGUF file is no model', `general.type ${type}`, 'type model');
  if (architecture === 'llama') {
    const what = 'architecture llama is not read: its rows of q and k are permuted for another rotary embedding';
    throw notRead(fields.path, what, architecture, wanted);
  }
  if (architecture !== ARCHITECTURE) {
    throw notRead(fields.path, 'this architecture of GGUF files is not modelled', architecture, wanted);
  }
  const version = numberField(fields, 'general.quantization_version') ?? 2;
  if (version !== 2) {
    throw notRead(fields.path, 'blocks of this version are not read', `general.quantization_version ${version}`, '2');
  }
  const layout = textField(fields, 'general.tensor_data_layout');
  if (layout !== undefined)
    throw notRead(fields.path, 'a layout of tensors is not read', layout, 'no general.tensor_data_layout');
}

/** What is false, 0 or empty switches nothing on. */
function requireKnown({ path, metadata }: Fields): void {
  for (const [key, value] of metadata) {
    if (!key.startsWith(PREFIX)) continue;
    const name = key.slice(PREFIX.length);
    const isEmpty = value === false || value === 0 || value === '' || (typeof value === 'object' && value.length === 0);
    const isKnown = READ.includes(name) || Object.hasOwn(IRRELEVANT, name) || NEUTRAL[name] === value;
    if (!isEmpty && !isKnown)
      throw notRead(path, `metadata ${key} is not known here`, shown(value), 'a file without it');
  }
}

/** One dimension for queries, keys and values, all of it rotated; attention that looks back only. */
function requireHeads(fields: Fields, headDim: number): void {
  for (const name of ['attention.value_length', 'rope.dimension_count']) {
    const found = numberField(fields, PREFIX + name) ?? headDim;
    if (found === headDim) continue;
    throw notRead(fields.path, `${PREFIX}${name} is not the dimension of a head`, `${found}`, `${headDim}`);
  }
  if (truthField(fields, `${PREFIX}attention.causal`) === false) {
    throw notRead(fields.path, 'the only attention mask modelled is the causal one', 'attention.causal false', 'true');
  }
}

/** Kinds other than yarn are refused where config.json's are. */
function ropeScaling(fields: Fields, optional: (key: string) => number | undefined): Readonly<Record<string, unknown>> {
  const kind = textField(fields, `${PREFIX}rope.scaling.type`) ?? 'none';
  if (kind === 'none' || kind === '') return {};
  return {
    rope_scaling: {
      rope_type: kind,
      factor: optional('rope.scaling.factor'),
      original_max_position_embeddings: optional('rope.scaling.original_context_length'),
      beta_fast: optional('rope.scaling.yarn_beta_fast'),
      beta_slow: optional('rope.scaling.yarn_beta_slow'),
    },
  };
}

/** Of special tokens that end a text, or begin it, as the converter found them; each once. */
function tokenIds(fields: Fields, names: readonly string[]): number[] {
  const ids = names.flatMap((name) => numberField(fields, `tokenizer.ggml.${name}_token_id`) ?? []);
  return [...new Set(ids)];
}
