// Checkpoint folders: the fixtures open and read as stored; whatever does not fit is listed, all of it at once.
import { createHash } from 'node:crypto';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ShapeError } from '../errors.ts';
import { checkpointCopies, errorOf, FIXTURES, plainTensor, rewriteWeights } from './checkpoint.fixture.ts';
import { storedAs } from './checkpoint-tensor.ts';
import { openCheckpoint, readMatrix } from './weights.ts';

const { copyOf } = checkpointCopies(afterAll);

describe('openCheckpoint', () => {
  it.each([
    { fixture: 'tiny-qwen2', tensors: 75, dtype: 'BF16', files: 1 },
    { fixture: 'tiny-qwen2-instruct', tensors: 75, dtype: 'BF16', files: 1 },
    { fixture: 'golden-hf/quirk-tied-f16', tensors: 38, dtype: 'F16', files: 1 },
    { fixture: 'golden-hf/quirk-headdim-f32', tensors: 39, dtype: 'F32', files: 1 },
    { fixture: 'golden-hf/quirk-sharded-heavy', tensors: 51, dtype: 'BF16', files: 4 },
    { fixture: 'golden-hf/quirk-config-v5', tensors: 39, dtype: 'BF16', files: 1 },
    { fixture: 'golden-hf/quirk-yarn', tensors: 15, dtype: 'BF16', files: 1 },
  ])('finds the $tensors $dtype tensors of $fixture in $files file(s)', ({ fixture, tensors, dtype, files }) => {
    const checkpoint = openCheckpoint(join(FIXTURES, fixture));
    expect(checkpoint.tensors.size).toBe(tensors);
    expect(new Set([...checkpoint.tensors.values()].map(storedAs))).toEqual(new Set([dtype]));
    expect(checkpoint.files).toHaveLength(files);
  });

  it('reads rows as the same part of the whole tensor', () => {
    const checkpoint = openCheckpoint(join(FIXTURES, 'tiny-qwen2'));
    const whole = checkpoint.readFloat32('model.embed_tokens.weight');
    expect(whole).toHaveLength(2048 * 128);
    expect(whole.some((value) => value !== 0)).toBe(true);
    expect(checkpoint.readRows('model.embed_tokens.weight', 7, 3)).toEqual(whole.slice(7 * 128, 10 * 128));
  });

  it('says where a tensor lies, counted from the start of the file', () => {
    const checkpoint = openCheckpoint(join(FIXTURES, 'tiny-qwen2'));
    const { file, offsetBytes } = plainTensor(checkpoint, 'model.norm.weight');
    const stored = readFileSync(file).readUInt16LE(offsetBytes);
    const bits = new Uint32Array(checkpoint.readFloat32('model.norm.weight').buffer)[0]! >>> 16;
    expect(bits).toBe(stored);
  });

  it('names the shards and their index that a single file wins over', () => {
    const folder = copyOf('golden-hf/quirk-sharded-heavy', 'single-beside-shards');
    const { notes: none } = openCheckpoint(folder);
    expect(none).toEqual([]);
    cpSync(join(FIXTURES, 'golden-hf/quirk-headdim-f32'), folder, { recursive: true });
    const { files, notes } = openCheckpoint(folder);
    expect(files).toEqual([join(folder, 'model.safetensors')]);
    expect(notes).toEqual([
      'model.safetensors is read, as in Transformers; beside it are unread: model.safetensors.index.json, ' +
        [1, 2, 3, 4].map((shard) => `model-0000${shard}-of-00004.safetensors`).join(', '),
    ]);
  });

  it('passes over an index without shards beside a single file: there is no second model', () => {
    const folder = copyOf('golden-hf/quirk-headdim-f32', 'single-beside-index');
    writeFileSync(join(folder, 'model.safetensors.index.json'), '{"weight_map": {}}');
    expect(openCheckpoint(folder).notes).toEqual([]);
  });

  it('refuses rows that the matrix does not have', () => {
    const checkpoint = openCheckpoint(join(FIXTURES, 'tiny-qwen2'));
    expect(() => checkpoint.readRows('lm_head.weight', 2040, 9)).toThrow(ShapeError);
  });

  it('hands out a matrix as an ndarray view, and refuses a vector', () => {
    const checkpoint = openCheckpoint(join(FIXTURES, 'tiny-qwen2'));
    const matrix = readMatrix(checkpoint, 'model.layers.2.mlp.down_proj.weight');
    expect(matrix.shape).toEqual([128, 384]);
    expect(matrix.get(5, 7)).toBe(checkpoint.readRows('model.layers.2.mlp.down_proj.weight', 5, 1)[7]);
    expect(() => readMatrix(checkpoint, 'model.norm.weight')).toThrow(ShapeError);
  });

  it('hashes a single file as sha256sum does', async () => {
    const checkpoint = openCheckpoint(join(FIXTURES, 'tiny-qwen2'));
    const expected = createHash('sha256').update(readFileSync(checkpoint.files[0]!)).digest('hex');
    expect(await checkpoint.sha256()).toBe(expected);
  });

  it('hashes shards as the sha256 of their checksum lines', async () => {
    const checkpoint = openCheckpoint(join(FIXTURES, 'golden-hf/quirk-sharded-heavy'));
    const lines = [1, 2, 3, 4].map((k) => {
      const name = `model-0000${k}-of-00004.safetensors`;
      const bytes = readFileSync(join(checkpoint.folder, name));
      return `${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`;
    });
    expect(await checkpoint.sha256()).toBe(createHash('sha256').update(lines.join('')).digest('hex'));
  });

  it('lists missing, unused, wrongly shaped and wrongly typed tensors in one error', () => {
    const folder = copyOf('golden-hf/quirk-config-v5', 'unfit');
    rewriteWeights(folder, (tensors) => [
      ...tensors
        .filter(({ name }) => name !== 'model.norm.weight' && !name.endsWith('layers.1.self_attn.k_proj.bias'))
        .map((tensor) => {
          if (tensor.name === 'lm_head.weight') return { ...tensor, shape: [64, 257] };
          if (tensor.name !== 'model.layers.0.input_layernorm.weight') return tensor;
          return { ...tensor, dtype: 'I16' as const };
        }),
      { name: 'model.layers.9.extra', dtype: 'F32', shape: [1], data: new Float32Array(1) },
    ]);
    const { code, message } = errorOf(() => openCheckpoint(folder));
    expect(code).toBe('CHECKPOINT_TENSORS');
    expect(message).toMatch(/missing\s+model\.norm\.weight \[64\]/);
    expect(message).toMatch(/missing\s+model\.layers\.1\.self_attn\.k_proj\.bias \[32\]/);
    expect(message).toMatch(/wrong shape\s+lm_head\.weight is \[64, 257\], config says \[257, 64\]/);
    expect(message).toMatch(/wrong dtype\s+model\.layers\.0\.input_layernorm\.weight is I16/);
    expect(message).toMatch(/unused\s+model\.layers\.9\.extra/);
  });

  it('accepts rotary buffers, and a copy of the embedding as lm_head of a tied checkpoint', () => {
    const folder = copyOf('golden-hf/quirk-tied-f16', 'tied-with-head');
    rewriteWeights(folder, (tensors) => [
      ...tensors,
      { ...tensors.find(({ name }) => name === 'model.embed_tokens.weight')!, name: 'lm_head.weight' },
      { name: 'model.layers.0.self_attn.rotary_emb.inv_freq', dtype: 'F32', shape: [8], data: new Float32Array(8) },
    ]);
    const checkpoint = openCheckpoint(folder);
    expect(checkpoint.lmHeadName).toBe('model.embed_tokens.weight');
    expect(checkpoint.tensors.has('lm_head.weight')).toBe(false);
  });

  it('names tensors that are in another shard than the index says', () => {
    const folder = copyOf('golden-hf/quirk-sharded-heavy', 'misplaced');
    const path = join(folder, 'model.safetensors.index.json');
    const index = JSON.parse(readFileSync(path, 'utf8')) as { weight_map: Record<string, string> };
    index.weight_map['lm_head.weight'] = 'model-00001-of-00004.safetensors';
    writeFileSync(path, JSON.stringify(index));
    expect(errorOf(() => openCheckpoint(folder)).message).toMatch(
      /misplaced\s+lm_head\.weight is in model-00004-of-00004\.safetensors, the index says model-00001/,
    );
  });

  it('refuses an index that points outside the folder', () => {
    const folder = copyOf('golden-hf/quirk-sharded-heavy', 'outside');
    const weightMap = { 'lm_head.weight': '../other/model.safetensors' };
    writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }));
    expect(errorOf(() => openCheckpoint(folder)).code).toBe('CHECKPOINT_INDEX');
  });

  it('names all missing shards', () => {
    const folder = copyOf('golden-hf/quirk-sharded-heavy', 'shards-missing');
    for (const k of [2, 3]) rmSync(join(folder, `model-0000${k}-of-00004.safetensors`));
    const { code, message } = errorOf(() => openCheckpoint(folder));
    expect(code).toBe('CHECKPOINT_SHARDS');
    expect(message).toMatch(
      /2 of 4 shards[^\n]*\n +missing +model-00002-of-00004\.safetensors, model-00003-of-00004\.safetensors/,
    );
  });

  it('says that a folder has a config but no weights', () => {
    const folder = copyOf('golden-hf/quirk-yarn', 'no-weights');
    rmSync(join(folder, 'model.safetensors'));
    expect(errorOf(() => openCheckpoint(folder)).code).toBe('CHECKPOINT_NO_WEIGHTS');
  });
});
