// config.json as the families and tools write it: all of them open, and a report names nothing but what could matter.
import { describe, expect, it } from 'vitest';
import { longestSequence, parseModelConfig } from './config.ts';
import { unknownConfigKeys } from './config-keys.ts';

const SHAPE = {
  hidden_act: 'silu',
  hidden_size: 1536,
  initializer_range: 0.02,
  intermediate_size: 8960,
  model_type: 'qwen2',
  num_attention_heads: 12,
  num_hidden_layers: 28,
  num_key_value_heads: 2,
  architectures: ['Qwen2ForCausalLM'],
  attention_dropout: 0.0,
  rms_norm_eps: 1e-6,
  tie_word_embeddings: true,
  use_cache: true,
  vocab_size: 151936,
  bos_token_id: 151643,
  eos_token_id: 151645,
};
const VERSION_4 = { ...SHAPE, rope_theta: 1e6, torch_dtype: 'bfloat16', transformers_version: '4.43.1' };
const VERSION_5 = {
  ...SHAPE,
  dtype: 'bfloat16',
  layer_types: Array.from({ length: 28 }, () => 'full_attention'),
  max_position_embeddings: 32768,
  max_window_layers: 28,
  pad_token_id: null,
  rope_parameters: { rope_theta: 1e6, rope_type: 'default' },
  sliding_window: null,
  transformers_version: '5.24.0',
  use_sliding_window: false,
};
const WINDOW_OFF = { max_window_layers: 21, sliding_window: 32768, use_sliding_window: false };

/** Of `Qwen2Config().to_dict()`, which writes every default out, in Transformers 4.41.2, 4.57.1 and 5.24.0. */
const FULL_DUMP = [
  '_name_or_path add_cross_attention architectures attention_dropout bad_words_ids begin_suppress_tokens',
  'bos_token_id chunk_size_feed_forward cross_attention_hidden_size decoder_start_token_id diversity_penalty',
  'do_sample dtype early_stopping encoder_no_repeat_ngram_size eos_token_id exponential_decay_length_penalty',
  'finetuning_task forced_bos_token_id forced_eos_token_id hidden_act hidden_size id2label initializer_range',
  'intermediate_size is_decoder is_encoder_decoder label2id layer_types length_penalty max_length',
  'max_position_embeddings max_window_layers min_length model_type no_repeat_ngram_size num_attention_heads',
  'num_beam_groups num_beams num_hidden_layers num_key_value_heads num_return_sequences output_attentions',
  'output_hidden_states output_scores pad_token_id prefix problem_type pruned_heads remove_invalid_values',
  'repetition_penalty return_dict return_dict_in_generate rms_norm_eps rope_parameters rope_scaling rope_theta',
  'sep_token_id sliding_window suppress_tokens task_specific_params temperature tf_legacy_loss',
  'tie_encoder_decoder tie_word_embeddings tokenizer_class top_k top_p torch_dtype torchscript',
  'transformers_version typical_p use_bfloat16 use_cache use_sliding_window vocab_size',
].join(' ');

describe('parseModelConfig, family by family', () => {
  it.each([
    { family: 'Qwen2.5-Instruct', config: { ...VERSION_4, ...WINDOW_OFF, max_position_embeddings: 32768 } },
    {
      family: 'Qwen1.5 and Qwen2 with an inactive window',
      config: {
        ...VERSION_4,
        max_position_embeddings: 32768,
        max_window_layers: 28,
        sliding_window: 32768,
        use_sliding_window: true,
      },
    },
    {
      family: 'Qwen2.5-Math, R1-distill',
      config: {
        ...VERSION_4,
        ...WINDOW_OFF,
        max_position_embeddings: 131072,
        sliding_window: 4096,
        use_mrope: false,
        tie_word_embeddings: false,
      },
      positions: 131072,
    },
    {
      family: 'Unsloth',
      config: {
        ...VERSION_4,
        ...WINDOW_OFF,
        max_position_embeddings: 32768,
        rope_scaling: null,
        pad_token_id: 151654,
        unsloth_fixed: true,
        unsloth_version: '2025.3.19',
        _name_or_path: 'unsloth/Qwen2.5-1.5B',
      },
    },
    {
      family: 'Axolotl and LLaMA-Factory',
      config: {
        ...VERSION_4,
        ...WINDOW_OFF,
        max_position_embeddings: 32768,
        use_cache: false,
        _name_or_path: '/workspace/base',
        _attn_implementation_autoset: true,
        pad_token_id: 151643,
        gradient_checkpointing: false,
      },
    },
    {
      family: 'version 4 with sampling in the config',
      config: {
        ...VERSION_4,
        ...WINDOW_OFF,
        max_position_embeddings: 32768,
        temperature: 1.0,
        top_k: 50,
        repetition_penalty: 1.1,
        id2label: { 0: 'LABEL_0' },
        label2id: { LABEL_0: 0 },
        pruned_heads: {},
      },
    },
    { family: 'version 5', config: VERSION_5 },
  ])('$family: nothing to say', ({ config, positions = 32768 }) => {
    const parsed = parseModelConfig(config);
    expect(parsed).toMatchObject({ ropeTheta: 1e6, notes: [] });
    expect(longestSequence(parsed).positions).toBe(positions);
  });

  it('Qwen2.5-1M: its dual chunk attention is named, with the length up to which it changes nothing', () => {
    const config = {
      ...VERSION_4,
      ...WINDOW_OFF,
      max_position_embeddings: 1010000,
      sliding_window: 1010000,
      rope_theta: 1e7,
      dual_chunk_attention_config: { chunk_size: 262144, local_size: 8192, original_max_position_embeddings: 262144 },
    };
    expect(parseModelConfig(config).notes).toEqual([expect.stringContaining('from 253952 positions on')]);
  });

  it('a model card read by version 5: YaRN written beside rope_parameters is refused with both readings', () => {
    const config = { ...VERSION_5, rope_scaling: { type: 'yarn', factor: 4, original_max_position_embeddings: 32768 } };
    expect(() => parseModelConfig(config)).toThrow(
      /rope_scaling +theta 10000 \(default\), yarn .*\n +rope_parameters +theta 1000000, no scaling/,
    );
  });

  it('a config with every default written out: no key of it is unknown', () => {
    const keys = FULL_DUMP.split(' ').map((key) => [key, null]);
    expect(keys.length).toBeGreaterThan(70);
    expect(unknownConfigKeys(Object.fromEntries(keys))).toEqual([]);
  });
});
