// Differences between two configs: those that change a logit, with defaults resolved and marked.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FIXTURES } from './checkpoint.fixture.ts';
import { parseModelConfig, readModelConfig } from './config.ts';
import { configDifferences } from './config-differences.ts';

const json = {
  hidden_size: 128,
  intermediate_size: 384,
  num_hidden_layers: 6,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 2048,
  rope_theta: 1e6,
  eos_token_id: [7, 5],
};
const differences = (fields: Readonly<Record<string, unknown>>): unknown =>
  configDifferences(parseModelConfig(json), parseModelConfig({ ...json, ...fields }));

describe('configDifferences', () => {
  it('are none between a config and itself, nor where a default is written out, another version writes it, or order alone differs', () => {
    const { rope_theta, ...rest } = json;
    const version5 = {
      ...rest,
      rms_norm_eps: 1e-6,
      head_dim: 32,
      rope_parameters: { rope_type: 'default', rope_theta },
    };
    expect(differences({})).toEqual([]);
    expect(configDifferences(parseModelConfig(json), parseModelConfig(version5))).toEqual([]);
    expect(differences({ eos_token_id: [5, 7], torch_dtype: 'float32', attention_dropout: 0.5 })).toEqual([]);
  });

  it.each([
    {
      fields: { rope_theta: undefined },
      expected: { key: 'rope_theta', reference: '1000000', variant: '10000 (default)' },
    },
    {
      fields: { rms_norm_eps: 1e-5 },
      expected: { key: 'rms_norm_eps', reference: '0.000001 (default)', variant: '0.00001' },
    },
    { fields: { vocab_size: 2112 }, expected: { key: 'vocab_size', reference: '2048', variant: '2112' } },
    { fields: { num_key_value_heads: 4 }, expected: { key: 'num_key_value_heads', reference: '2', variant: '4' } },
    {
      fields: { tie_word_embeddings: true },
      expected: { key: 'tie_word_embeddings', reference: 'false (default)', variant: 'true' },
    },
    { fields: { eos_token_id: 7 }, expected: { key: 'eos_token_id', reference: '[5,7]', variant: '[7]' } },
  ])('$expected.key', ({ fields, expected }) => {
    expect(differences(fields)).toEqual([expected]);
  });

  it('tells YaRN with all its fields', () => {
    expect(differences({ rope_scaling: { type: 'yarn', factor: 4, original_max_position_embeddings: 32768 } })).toEqual(
      [{ key: 'rope_scaling', reference: 'none', variant: expect.stringContaining('"factor":4') }],
    );
  });

  it('are none between the two packaged checkpoints but in what ends a continuation', () => {
    const [general, instruct] = ['tiny-qwen2', 'tiny-qwen2-instruct'].map((name) =>
      readModelConfig(join(FIXTURES, name)),
    );
    expect(configDifferences(general!, instruct!).map(({ key }) => key)).toEqual(['eos_token_id']);
  });
});
