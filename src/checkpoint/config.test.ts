// config.json: both spellings of Transformers give the same model; what is not modelled is refused by name.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { InputError, UnsupportedError } from '../errors.ts';
import { longestSequence, parseModelConfig, readModelConfig } from './config.ts';
import { quantisationOf } from './model-identity.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures');
const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-config-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Qwen2-7B-Instruct's config.json. */
const qwen2: Readonly<Record<string, unknown>> = {
  architectures: ['Qwen2ForCausalLM'],
  attention_dropout: 0.0,
  bos_token_id: 151643,
  eos_token_id: 151645,
  hidden_act: 'silu',
  hidden_size: 3584,
  initializer_range: 0.02,
  intermediate_size: 18944,
  max_position_embeddings: 32768,
  max_window_layers: 28,
  model_type: 'qwen2',
  num_attention_heads: 28,
  num_hidden_layers: 28,
  num_key_value_heads: 4,
  rms_norm_eps: 1e-6,
  rope_theta: 1000000.0,
  sliding_window: 131072,
  tie_word_embeddings: false,
  torch_dtype: 'bfloat16',
  transformers_version: '4.41.2',
  use_cache: true,
  use_sliding_window: false,
  vocab_size: 152064,
};

describe('parseModelConfig', () => {
  it('reads Qwen2-7B', () => {
    expect(parseModelConfig(qwen2)).toEqual({
      hiddenSize: 3584,
      intermediateSize: 18944,
      layers: 28,
      queryHeads: 28,
      keyValueHeads: 4,
      headDim: 128,
      vocabSize: 152064,
      rmsNormEps: 1e-6,
      ropeTheta: 1e6,
      maxPositionEmbeddings: 32768,
      tieWordEmbeddings: false,
      eosTokenIds: [151645],
      bosTokenId: 151643,
      torchDtype: 'bfloat16',
      defaulted: ['head_dim'],
      notes: [],
    });
  });

  it('reads the spelling of Transformers 5 as the same model', () => {
    const { rope_theta, torch_dtype, ...rest } = qwen2;
    const version5 = {
      ...rest,
      dtype: torch_dtype,
      rope_parameters: { rope_type: 'default', rope_theta },
      layer_types: Array.from({ length: 28 }, () => 'full_attention'),
      sliding_window: null,
    };
    expect(parseModelConfig(version5)).toEqual(parseModelConfig(qwen2));
  });

  it.each([
    { name: 'Qwen2-0.5B', hidden: 896, heads: 14, keyValueHeads: 2, headDim: 64 },
    { name: 'Qwen2.5-14B', hidden: 5120, heads: 40, keyValueHeads: 8, headDim: 128 },
    { name: 'Qwen2-72B', hidden: 8192, heads: 64, keyValueHeads: 8, headDim: 128 },
  ])('derives the head dimension of $name', ({ hidden, heads, keyValueHeads, headDim }) => {
    const config = { ...qwen2, hidden_size: hidden, num_attention_heads: heads, num_key_value_heads: keyValueHeads };
    expect(parseModelConfig(config)).toMatchObject({ queryHeads: heads, keyValueHeads, headDim });
  });

  it('takes an explicit head_dim, and as many key heads as query heads where none are named', () => {
    const config = { ...qwen2, head_dim: 64, num_key_value_heads: null };
    expect(parseModelConfig(config)).toMatchObject({ headDim: 64, keyValueHeads: 28 });
  });

  const yarn = { factor: 4.0, original_max_position_embeddings: 32768 };
  it.each([
    { name: '"type"', fields: { rope_scaling: { type: 'yarn', ...yarn } } },
    { name: '"rope_type"', fields: { rope_scaling: { rope_type: 'yarn', ...yarn } } },
    { name: 'rope_parameters', fields: { rope_parameters: { rope_type: 'yarn', rope_theta: 1e6, ...yarn } } },
  ])('reads YaRN written with $name', ({ fields }) => {
    expect(parseModelConfig({ ...qwen2, ...fields })).toMatchObject({
      ropeTheta: 1e6,
      ropeScaling: {
        kind: 'yarn',
        factor: 4,
        originalMaxPositionEmbeddings: 32768,
        betaFast: 32,
        betaSlow: 1,
        truncate: true,
      },
    });
  });

  it.each([
    { name: 'max_position_embeddings', fields: {}, positions: 32_768, because: 'max_position_embeddings' },
    {
      name: "YaRN's factor times the original context, where max_position_embeddings stays at the origin",
      fields: { rope_scaling: { type: 'yarn', ...yarn } },
      positions: 131_072,
      because: 'rope_scaling: factor 4 x 32768 positions',
    },
    {
      name: 'the same, where max_position_embeddings is the stretched context',
      fields: { max_position_embeddings: 131_072, rope_scaling: { type: 'yarn', ...yarn } },
      positions: 131_072,
      because: 'rope_scaling: factor 4 x 32768 positions',
    },
  ])('allows sequences of $name', ({ fields, positions, because }) => {
    expect(longestSequence(parseModelConfig({ ...qwen2, ...fields }))).toEqual({ positions, because });
  });

  it('keeps what YaRN states beyond its factor', () => {
    const rope = {
      type: 'yarn',
      ...yarn,
      beta_fast: 16,
      beta_slow: 2,
      attention_factor: 1.5,
      mscale: 1,
      truncate: false,
    };
    expect(parseModelConfig({ ...qwen2, rope_scaling: rope }).ropeScaling).toEqual({
      kind: 'yarn',
      factor: 4,
      originalMaxPositionEmbeddings: 32768,
      betaFast: 16,
      betaSlow: 2,
      attentionFactor: 1.5,
      mscale: 1,
      truncate: false,
    });
  });

  it.each([
    { name: 'a number', generation: { eos_token_id: 7 }, expected: [7] },
    { name: 'an array', generation: { eos_token_id: [7, 8] }, expected: [7, 8] },
    { name: 'absent', generation: {}, expected: [151645] },
    { name: 'null', generation: { eos_token_id: null }, expected: [151645] },
  ])("takes the end ids of generation_config.json, or config.json's: $name", ({ generation, expected }) => {
    expect(parseModelConfig(qwen2, { generation }).eosTokenIds).toEqual(expected);
  });

  it.each([
    { name: 'a window that no layer reaches', fields: { use_sliding_window: true, sliding_window: 4096 } },
    { name: 'a window as long as the longest sequence', fields: { use_sliding_window: true, max_window_layers: 0 } },
    { name: 'a window that is switched off', fields: { sliding_window: 4096, max_window_layers: 0 } },
    { name: 'a window of null', fields: { use_sliding_window: true, sliding_window: null, max_window_layers: 0 } },
    { name: 'no quantisation', fields: { quantization_config: null } },
    { name: 'silu by its other name', fields: { hidden_act: 'swish' } },
  ])('accepts $name', ({ fields }) => {
    expect(parseModelConfig({ ...qwen2, ...fields }).layers).toBe(28);
  });

  it.each([
    { name: 'Llama', fields: { architectures: ['LlamaForCausalLM'], model_type: 'llama' }, code: 'ARCHITECTURE' },
    { name: 'Qwen3', fields: { architectures: ['Qwen3ForCausalLM'], model_type: 'qwen3' }, code: 'ARCHITECTURE' },
    { name: 'a Qwen2 classifier', fields: { architectures: ['Qwen2ForSequenceClassification'] }, code: 'ARCHITECTURE' },
    { name: 'Qwen2-MoE', fields: { architectures: ['Qwen2MoeForCausalLM'], model_type: 'qwen2_moe' }, code: 'MOE' },
    { name: 'experts', fields: { num_experts: 60 }, code: 'MOE' },
    {
      name: 'a quantised checkpoint',
      fields: { quantization_config: { quant_method: 'hqq', bits: 4 } },
      code: 'QUANTIZED',
    },
    { name: 'another activation', fields: { hidden_act: 'gelu' }, code: 'HIDDEN_ACT' },
    { name: 'attention without a causal mask', fields: { is_causal: false }, code: 'ATTENTION_MASK' },
    { name: 'layers of their own shapes', fields: { per_layer_config: { 3: { head_dim: 64 } } }, code: 'PER_LAYER' },
    {
      name: 'rotary parameters of each layer type',
      fields: { rope_parameters: { full_attention: { rope_type: 'default', rope_theta: 1e6 } } },
      code: 'ROPE_TYPE',
    },
    { name: 'linear rope scaling', fields: { rope_scaling: { type: 'linear', factor: 2 } }, code: 'ROPE_TYPE' },
    {
      name: 'multimodal rope',
      fields: { rope_scaling: { type: 'mrope', mrope_section: [16, 24, 24] } },
      code: 'ROPE_TYPE',
    },
    {
      name: 'dynamic rope of version 5',
      fields: { rope_parameters: { rope_type: 'dynamic', factor: 2 } },
      code: 'ROPE_TYPE',
    },
    { name: 'partial rotary embedding', fields: { partial_rotary_factor: 0.5 }, code: 'PARTIAL_ROTARY' },
  ])('refuses $name', ({ fields, code }) => {
    expect(() => parseModelConfig({ ...qwen2, ...fields })).toThrow(UnsupportedError);
    expect(() => parseModelConfig({ ...qwen2, ...fields })).toThrow(
      expect.objectContaining({ code: `CONFIG_${code}` }),
    );
  });

  const v5 = { rope_theta: undefined, rope_parameters: { rope_type: 'default', rope_theta: 1e6 } };
  it.each([
    { name: 'YaRN beside plain rope_parameters', fields: { ...v5, rope_scaling: { type: 'yarn', ...yarn } } },
    {
      name: 'the same YaRN, its theta in one of them',
      fields: {
        rope_theta: undefined,
        rope_scaling: { type: 'yarn', ...yarn },
        rope_parameters: { rope_type: 'yarn', rope_theta: 1e6, ...yarn },
      },
    },
    { name: 'two thetas', fields: { ...v5, rope_theta: 5e5 } },
    { name: 'two kinds', fields: { rope_scaling: { type: 'yarn', rope_type: 'default', ...yarn } } },
    {
      name: 'two original contexts',
      fields: { original_max_position_embeddings: 4096, rope_scaling: { type: 'yarn', ...yarn } },
    },
  ])('refuses what is written twice and differs: $name', ({ fields }) => {
    expect(() => parseModelConfig({ ...qwen2, ...fields })).toThrow(
      expect.objectContaining({ code: 'CONFIG_WRITTEN_TWICE', hint: expect.stringContaining('write one') }),
    );
  });

  it.each([
    {
      name: 'YaRN',
      fields: { rope_scaling: { type: 'yarn', ...yarn }, rope_parameters: { rope_type: 'yarn', ...yarn } },
    },
    { name: 'empty scaling', fields: { ...v5, rope_scaling: {} } },
    { name: 'no scaling', fields: { ...v5, rope_scaling: { rope_type: 'default', rope_theta: 1e6 } } },
    { name: 'theta', fields: { ...v5, rope_theta: 1e6 } },
  ])('accepts what is written twice and agrees: $name', ({ fields }) => {
    expect(parseModelConfig({ ...qwen2, ...fields })).toMatchObject({ ropeTheta: 1e6, notes: [] });
  });

  it.each([
    { name: 'max_window_layers', fields: { sliding_window: 4096, max_window_layers: 21 } },
    { name: "Transformers' window where none is stated", fields: { sliding_window: undefined, max_window_layers: 21 } },
    {
      name: 'layer_types',
      fields: {
        sliding_window: 4096,
        layer_types: Array.from({ length: 28 }, (_, i) => (i < 27 ? 'full_attention' : 'sliding_attention')),
      },
    },
  ])('allows sequences that a sliding window hides nothing of: $name', ({ fields }) => {
    const config = parseModelConfig({ ...qwen2, use_sliding_window: true, ...fields });
    expect(longestSequence(config)).toMatchObject({
      positions: 4096,
      because: expect.stringContaining('sliding_window'),
    });
  });

  it('names the defaults that were taken', () => {
    const { rope_theta, rms_norm_eps, num_key_value_heads, ...rest } = qwen2;
    expect(parseModelConfig(rest).defaulted).toEqual(['num_key_value_heads', 'head_dim', 'rms_norm_eps', 'rope_theta']);
  });

  it.each([
    {
      name: 'a theta that nobody wrote, and the value taken',
      fields: { rope_theta: undefined },
      says: /rope_theta is missing.*10000 is taken/,
    },
    {
      name: 'the same where parameters are nested',
      fields: { rope_theta: undefined, rope_parameters: { rope_type: 'default' } },
      says: /rope_theta is missing.*10000 is taken/,
    },
    { name: 'keys that nobody knows', fields: { logit_scale: 2, use_qk_norm: true }, says: /logit_scale, use_qk_norm/ },
    {
      name: 'dual chunk attention',
      fields: { dual_chunk_attention_config: { chunk_size: 262144, local_size: 8192 } },
      says: /dual_chunk_attention_config is not read.*253952 positions/,
    },
    { name: "a model's own code", fields: { auto_map: { AutoModelForCausalLM: 'own.Model' } }, says: /auto_map/ },
    {
      name: 'rotary parameters that the kind does not have',
      fields: { rope_scaling: { rope_type: 'default', factor: 4, mrope_section: [16, 24, 24] } },
      says: /not read in rope_scaling of type default: factor, mrope_section/,
    },
  ])('notes $name', ({ fields, says }) => {
    expect(parseModelConfig({ ...qwen2, ...fields }).notes).toEqual([expect.stringMatching(says)]);
  });

  it.each([
    { name: 'rms_norm_eps', fields: { rms_norm_eps: 1e300 } },
    { name: 'rope_theta', fields: { rope_theta: 1e300 } },
    { name: 'attention_factor', fields: { rope_scaling: { type: 'yarn', ...yarn, attention_factor: 1e300 } } },
    { name: 'mscale', fields: { rope_scaling: { type: 'yarn', ...yarn, mscale: -1e300 } } },
  ])('refuses a $name that no float32 holds', ({ name, fields }) => {
    expect(() => parseModelConfig({ ...qwen2, ...fields })).toThrow(
      expect.objectContaining({ code: 'CONFIG_MALFORMED', message: expect.stringContaining(name) }),
    );
  });

  it('knows the entry of MLX, which names no method and which mlx-lm writes twice', () => {
    const entry = { group_size: 64, bits: 4 };
    const methodOf = (fields: object): string | undefined =>
      quantisationOf('config.json', { ...qwen2, ...fields })?.method;
    expect(methodOf({ quantization: entry })).toBe('mlx');
    expect(methodOf({ quantization: entry, quantization_config: { ...entry } })).toBe('mlx');
    expect(methodOf({ quantization: entry, quantization_config: { ...entry, bits: 8 } })).toBe('unknown method');
    expect(methodOf({ quantization_config: entry })).toBe('unknown method');
    expect(methodOf({ quantization: entry, quantization_config: { quant_method: 'gptq' } })).toBe('gptq');
  });

  it('says of a left-over quantization_config over plain weights that it is to be removed', () => {
    const config = { ...qwen2, quantization_config: { quant_method: 'bitsandbytes', load_in_4bit: true } };
    expect(() => parseModelConfig(config, { storedDtypes: () => ['BF16'] })).toThrow(
      expect.objectContaining({
        code: 'CONFIG_QUANTIZED',
        message: expect.stringMatching(/all weights are BF16.*remove quantization_config from config\.json/s),
      }),
    );
    const other = { ...qwen2, quantization_config: { quant_method: 'hqq' } };
    expect(() => parseModelConfig(other, { storedDtypes: () => ['F16', 'U8'] })).toThrow(
      /quantised in a way that is not read/,
    );
  });

  it.each([
    { name: 'a missing size', fields: { hidden_size: undefined }, message: /hidden_size/ },
    { name: 'a size that is a string', fields: { vocab_size: '152064' }, message: /vocab_size/ },
    { name: 'no layers', fields: { num_hidden_layers: 0 }, message: /num_hidden_layers/ },
    {
      name: 'key heads that do not divide the query heads',
      fields: { num_key_value_heads: 5 },
      message: /num_key_value_heads/,
    },
    { name: 'a head dimension that is no integer', fields: { hidden_size: 3585 }, message: /head dimension/ },
    { name: 'an odd head dimension', fields: { head_dim: 63 }, message: /head dimension/ },
    { name: 'YaRN that shrinks', fields: { rope_scaling: { type: 'yarn', factor: 0.5 } }, message: /factor/ },
    {
      name: 'a layer with a window where none is on',
      fields: { layer_types: Array.from({ length: 28 }, () => 'sliding_attention') },
      message: /no window is on/,
    },
    {
      name: 'layer types of another number of layers',
      fields: { layer_types: ['full_attention'] },
      message: /layer_types/,
    },
  ])('names the field of $name', ({ fields, message }) => {
    expect(() => parseModelConfig({ ...qwen2, ...fields }, { path: 'some/config.json' })).toThrow(InputError);
    expect(() => parseModelConfig({ ...qwen2, ...fields })).toThrow(message);
  });
});

describe('readModelConfig', () => {
  it('joins config.json and generation_config.json', () => {
    expect(readModelConfig(join(FIXTURES, 'tiny-qwen2-instruct'))).toMatchObject({
      layers: 6,
      headDim: 32,
      eosTokenIds: [2047, 2045],
      bosTokenId: 2045,
    });
  });

  it('names the folder without a config and the file that is no JSON', () => {
    expect(() => readModelConfig(scratch)).toThrow(/config\.json: the file cannot be read/);
    expect(() => readModelConfig(join(scratch, 'none'))).toThrow(/none: there is no such folder/);
    writeFileSync(join(scratch, 'config.json'), '{');
    expect(() => readModelConfig(scratch)).toThrow(expect.objectContaining({ code: 'CONFIG_UNREADABLE' }));
  });
});
