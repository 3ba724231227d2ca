// LoRA adapters: held against what PEFT merges in float32, on a plain base and on a decoded one; what is not understood is refused.
import { cpSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { errorOf, FIXTURES, rewriteJson, rewriteWeights } from '../checkpoint.fixture.ts';
import { type CheckpointTensor, type DecodedTensor, readTensorRows, readWholeTensor } from '../checkpoint-tensor.ts';
import type { TensorToWrite } from '../safetensors.ts';
import { applyAdapter } from './lora.ts';
import {
  digestOf,
  expectedDigests,
  plainTensors,
  QUANTISED,
  valuesOfEveryCut,
  writtenTensors,
} from './quantised-folder.fixture.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-lora-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const base: ReadonlyMap<string, CheckpointTensor> = plainTensors(join(FIXTURES, 'tiny-qwen2/model.safetensors'));
const QUERY = 'model.layers.0.self_attn.q_proj';

/** A damaged copy of an adapter. */
function adapterWith(
  settings: Record<string, unknown>,
  { from = 'lora', tensors }: { from?: string; tensors?: (stored: TensorToWrite[]) => TensorToWrite[] } = {},
): string {
  const folder = mkdtempSync(join(scratch, 'adapter-'));
  cpSync(join(QUANTISED, from), folder, { recursive: true });
  rewriteJson(folder, 'adapter_config.json', (json) => ({ ...json, ...settings }));
  if (tensors !== undefined) rewriteWeights(folder, tensors, 'adapter_model.safetensors');
  return folder;
}

function decoded(tensor: CheckpointTensor): DecodedTensor {
  const [rows, columns] = tensor.shape as [number, number];
  return {
    ...{ kind: 'decoded', shape: tensor.shape, format: 'toy', file: tensor.file, lengthBytes: tensor.lengthBytes },
    decodeRows: (first, out) => out.set(readTensorRows(tensor, first, out.length / (columns ?? rows))),
  };
}

describe('an adapter of PEFT', () => {
  it.each(['lora', 'lora-rslora'])('%s: every tensor has the bits of merge_and_unload() in float32', (name) => {
    const { tensors, files } = applyAdapter(join(QUANTISED, name), base);
    const expected = expectedDigests(name);
    const changed = [...tensors].filter(([key, tensor]) => tensor !== base.get(key)).map(([key]) => key);
    expect(changed.sort()).toEqual(Object.keys(expected).sort());
    for (const [key, digest] of Object.entries(expected)) {
      expect([key, digestOf(readWholeTensor(tensors.get(key)!))]).toEqual([key, digest]);
    }
    expect(files.map((file) => basename(file))).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
  });

  it('gives the same rows in every cut, and on a decoded base', () => {
    const key = `${QUERY}.weight`;
    const values = valuesOfEveryCut(applyAdapter(join(QUANTISED, 'lora'), base).tensors.get(key)!);
    const onDecoded = new Map([...base].map(([name, tensor]) => [name, decoded(tensor)]));
    const { tensors } = applyAdapter(join(QUANTISED, 'lora'), onDecoded);
    expect(digestOf(valuesOfEveryCut(tensors.get(key)!))).toBe(digestOf(values));
    expect(tensors.get(key)).toMatchObject({ format: 'toy + LoRA r8' });
  });

  it('says what was read, and what of it is its own', () => {
    const { encoding, notes } = applyAdapter(join(QUANTISED, 'lora'), base, { baseName: 'tiny-qwen2' });
    expect(encoding).toBe('LoRA, rank 4 and 8 and 16, on 8 matrices');
    expect(notes).toEqual([expect.stringContaining('whole tensors of its own: model.layers.0.input_layernorm.weight')]);
  });

  it('says that it was made for another base', () => {
    const { notes } = applyAdapter(adapterWith({ base_model_name_or_path: 'Qwen/Qwen2-7B' }), base, {
      baseName: 'tiny',
    });
    expect(notes[0]).toBe('adapter_config.json: the adapter was made for Qwen/Qwen2-7B, and is applied to tiny');
  });

  it('does not follow fan_in_fan_out, as PEFT does not for nn.Linear, and says so', () => {
    const { tensors, notes } = applyAdapter(adapterWith({ fan_in_fan_out: true }), base);
    expect(notes.join()).toContain('fan_in_fan_out is not followed');
    expect(digestOf(readWholeTensor(tensors.get(`${QUERY}.weight`)!))).toBe(expectedDigests('lora')[`${QUERY}.weight`]);
  });
});

describe('what an update depends on', () => {
  const weight = `${QUERY}.weight`;
  const digestWith = (folder: string): string =>
    digestOf(readWholeTensor(applyAdapter(folder, base).tensors.get(weight)!));

  it.each([
    ['alpha', { lora_alpha: 17 }],
    ['the root of the rank', { use_rslora: true }],
    ['a pattern of alpha', { alpha_pattern: { q_proj: 3 } }],
  ])('%s', (_, settings) => {
    expect(digestWith(adapterWith(settings))).not.toBe(expectedDigests('lora')[weight]);
  });

  it('the first pattern that fits, as a name or as an expression', () => {
    const alpha = (patterns: Record<string, number>): string => digestWith(adapterWith({ alpha_pattern: patterns }));
    const wanted = alpha({ q_proj: 3 });
    expect(alpha({ 'layers\\.[0-1]\\.self_attn\\.(q|k)_proj': 3, q_proj: 5 })).toBe(wanted);
    expect(alpha({ '^model.layers.0.self_attn.q_proj': 3 })).not.toBe(expectedDigests('lora')[weight]);
    // A part of a name is none.
    expect(alpha({ proj: 3 })).toBe(expectedDigests('lora')[weight]);
  });

  it('scale, for a rank that is no power of two', () => {
    const columns = 5;
    const W = Float32Array.from({ length: 2 * columns }, (_, i) => i / 7);
    const A = Float32Array.from({ length: 3 * columns }, (_, i) => Math.fround(i / 3 - 1));
    const B = Float32Array.from({ length: 6 }, (_, i) => Math.fround(0.1 * i - 0.2));
    const toy = writtenTensors(scratch, { [weight]: ['F32', [2, columns], W] });
    const folder = adapterWith(
      { r: 3, lora_alpha: 5, rank_pattern: {}, alpha_pattern: {}, modules_to_save: null },
      {
        tensors: () => [
          { name: `base_model.model.${QUERY}.lora_A.weight`, dtype: 'F32', shape: [3, columns], data: A },
          { name: `base_model.model.${QUERY}.lora_B.weight`, dtype: 'F32', shape: [2, 3], data: B },
        ],
      },
    );
    const values = readWholeTensor(applyAdapter(folder, toy).tensors.get(weight)!);
    values.forEach((value, i) => {
      const [row, column] = [Math.floor(i / columns), i % columns];
      const sum = [0, 1, 2].reduce((total, k) => total + B[row * 3 + k]! * A[k * columns + column]!, 0);
      expect(value).toBeCloseTo(W[i]! + (sum * 5) / 3, 6);
    });
  });

  it('an embedding, whose factors are transposed', () => {
    const name = 'model.embed_tokens';
    const [vocabulary, hidden, rank] = [7, 5, 2];
    const W = Float32Array.from({ length: vocabulary * hidden }, (_, i) => i / 8);
    const A = Float32Array.from({ length: rank * vocabulary }, (_, i) => i / 4);
    const B = Float32Array.from({ length: hidden * rank }, (_, i) => 1 - i / 2);
    const shape = [vocabulary, hidden];
    const toy = writtenTensors(scratch, { [`${name}.weight`]: ['F32', shape, W], 'lm_head.weight': ['F32', shape, W] });
    const folder = adapterWith(
      { r: rank, lora_alpha: 6, rank_pattern: {}, target_modules: ['embed_tokens'], modules_to_save: [] },
      {
        tensors: () => [
          { name: `base_model.model.${name}.lora_embedding_A`, dtype: 'F32', shape: [rank, vocabulary], data: A },
          { name: `base_model.model.${name}.lora_embedding_B`, dtype: 'F32', shape: [hidden, rank], data: B },
          // PEFT saves the embedding as well where it is a target.
          { name: `base_model.model.${name}.base_layer.weight`, dtype: 'F32', shape, data: W },
        ],
      },
    );
    const values = valuesOfEveryCut(applyAdapter(folder, toy).tensors.get(`${name}.weight`)!);
    const wanted = W.map((value, i) => {
      const [row, column] = [Math.floor(i / hidden), i % hidden];
      return value + 3 * (B[2 * column]! * A[row]! + B[2 * column + 1]! * A[vocabulary + row]!);
    });
    expect([...values]).toEqual([...wanted]);
    const tied = new Map([...toy].filter(([key]) => key !== 'lm_head.weight'));
    expect(errorOf(() => applyAdapter(folder, tied)).message).toContain('lm_head is tied');
  });
});

describe('what of an adapter is refused', () => {
  it.each([
    ['use_dora', true],
    ['use_qalora', true],
    ['use_bdlora', { target_modules_bd_a: [] }],
    ['target_parameters', ['q_proj.weight']],
    ['layer_replication', [[0, 2]]],
    ['trainable_token_indices', [1]],
    ['megatron_config', { a: 1 }],
    ['loftq_config', { loftq_bits: 4 }],
    ['alora_invocation_tokens', [1]],
    ['kasa_config', { a: 1 }],
    ['bias', 'all'],
    ['init_lora_weights', 'pissa'],
    ['peft_type', 'IA3'],
    ['a_field_of_next_year', 'on'],
    ['r', 0],
    ['r', 2.5],
    ['lora_alpha', 'big'],
    ['alpha_pattern', { '(': 3 }],
    ['rank_pattern', [4]],
    ['use_rslora', 'yes'],
    ['modules_to_save', 'norm'],
  ])('%s %j', (key, value) => {
    const { code, message } = errorOf(() => applyAdapter(adapterWith({ [key]: value }), base));
    expect(code).toBe('ADAPTER_UNSUPPORTED');
    expect(message).toContain(key);
    expect(message).toContain('adapter_config.json');
  });

  const first = `base_model.model.${QUERY}.lora_A.weight`;
  const change = (
    edit: (tensor: TensorToWrite) => TensorToWrite[],
  ): { tensors: (all: TensorToWrite[]) => TensorToWrite[] } => ({
    tensors: (all) => all.flatMap((tensor) => (tensor.name === first ? edit(tensor) : [tensor])),
  });

  it.each([
    ['a factor that is missing', change(() => []), 'not complete'],
    [
      'a tensor of DoRA',
      change((one) => [one, { ...one, name: `${first}.lora_magnitude_vector` }]),
      'belongs to nothing',
    ],
    [
      'a matrix that the base lacks',
      change((one) => [{ ...one, name: first.replace('q_proj', 'qkv') }]),
      'belongs to nothing',
    ],
    ['another rank', change((one) => [{ ...one, shape: [4, 256] }]), '[8, 128]'],
    ['integers', change((one) => [{ ...one, dtype: 'I32' }]), 'I32'],
    ['no tensor at all', { tensors: () => [] }, 'empty'],
  ])('%s', (_, options, text) => {
    const { code, message } = errorOf(() => applyAdapter(adapterWith({}, options), base));
    expect(code).toBe('ADAPTER_TENSOR');
    expect(message).toContain(text);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('%s in a factor, when its rows are read', (value) => {
    const poisoned = change((one) => [{ ...one, data: new Float32Array(8 * 128).fill(value, 5, 6) }]);
    const { tensors } = applyAdapter(adapterWith({}, poisoned), base);
    const { code, message } = errorOf(() => readTensorRows(tensors.get(`${QUERY}.weight`)!, 3, 1));
    expect(code).toBe('ADAPTER_TENSOR');
    expect(message).toContain(QUERY);
  });

  it('a part of what is to be trained that is missing', () => {
    const norm = 'base_model.model.model.layers.3.input_layernorm.weight';
    const cut = adapterWith({}, { tensors: (all) => all.filter((tensor) => tensor.name !== norm) });
    expect(errorOf(() => applyAdapter(cut, base)).message).toContain(
      'nothing of model.layers.3.input_layernorm.weight',
    );
    const everywhere = adapterWith({ layers_to_transform: null });
    expect(errorOf(() => applyAdapter(everywhere, base)).message).toContain('nothing of model.layers.2.mlp.down_proj');
  });

  it('a matrix that is no target', () => {
    const folder = adapterWith({ target_modules: ['v_proj', 'o_proj', 'down_proj'] });
    expect(errorOf(() => applyAdapter(folder, base)).message).toContain('is no target');
  });

  it('biases of updates that the config does not know, and the other way round', () => {
    const without = adapterWith({ lora_bias: false }, { from: 'lora-rslora' });
    expect(errorOf(() => applyAdapter(without, base)).message).toContain('lora_bias');
    expect(errorOf(() => applyAdapter(adapterWith({ lora_bias: true }), base)).message).toContain('lora_bias');
  });

  it('a pickle, with the line that converts it', () => {
    const folder = adapterWith({});
    renameSync(join(folder, 'adapter_model.safetensors'), join(folder, 'adapter_model.bin'));
    const { message, hint } = errorOf(() => applyAdapter(folder, base));
    expect(message).toContain('is not run');
    expect(hint).toContain('weights_only=True');
  });

  it('a folder that is none', () => {
    expect(errorOf(() => applyAdapter(join(scratch, 'nowhere'), base)).code).toBe('ADAPTER_UNREADABLE');
  });
});
