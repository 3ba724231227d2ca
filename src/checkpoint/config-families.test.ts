// config.json as the families and tools write it: all of them open, and a report names nothing but what could matter.
import { describe, expect, it } from 'vitest';
import { longestSequence, parseModelConfig } from './config.ts';

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
});
