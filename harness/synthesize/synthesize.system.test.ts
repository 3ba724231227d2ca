// Synthetic checkpoints: real shapes and files, the same bytes for the same seed, stated outliers, nothing half written.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseModelConfig } from '../../src/checkpoint/config.ts';
import { type Checkpoint, openCheckpoint } from '../../src/checkpoint/weights.ts';
import { InputError, UnsupportedError, UsageError } from '../../src/errors.ts';
import { valuesFromBf16Patterns } from '../../src/numerics/bf16.ts';
import { generationConfigJson, MODEL_NAMES, modelConfigJson, parseModelName } from './model-shapes.ts';
import { planShards, shardIndexJson } from './shard-plan.ts';
import { type SynthesizeOptions, synthesizeCheckpoint } from './synthesize.ts';
import { createTensorFill, massiveChannels } from './synthetic-weights.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-synthesize-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Small, but with every tensor of the 7B model. */
const TINY = {
  ...modelConfigJson('Qwen2-7B', 3),
  hidden_size: 128,
  intermediate_size: 320,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 512,
};

async function synthesize(name: string, options: Partial<SynthesizeOptions> = {}): Promise<Checkpoint> {
  const folder = join(scratch, name);
  await synthesizeCheckpoint(folder, { config: TINY, generationConfig: generationConfigJson(), seed: 1, ...options });
  return openCheckpoint(folder);
}

function sha256(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

function deviation(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}

describe('shards', () => {
  it("have the names and sizes of Qwen2-7B's real files", () => {
    const shards = planShards(parseModelConfig(modelConfigJson('Qwen2-7B')));
    expect(shards.map(({ fileName, header, dataBytes }) => [fileName, header.length + dataBytes])).toEqual([
      ['model-00001-of-00004.safetensors', 3_945_441_440],
      ['model-00002-of-00004.safetensors', 3_864_726_352],
      ['model-00003-of-00004.safetensors', 3_864_726_424],
      ['model-00004-of-00004.safetensors', 3_556_377_672],
    ]);
    expect(shards.flatMap(({ tensors }) => tensors)).toHaveLength(339);
    expect(shardIndexJson(shards)).toMatchObject({ metadata: { total_size: 15_231_233_024 } });
  });

  it.each([
    { name: 'Qwen2-0.5B', files: 1, tensors: 290, bytes: 988_097_824 },
    { name: 'Qwen2-1.5B', files: 1, tensors: 338, bytes: 3_087_467_144 },
  ] as const)('of $name are one file with tied embeddings', ({ name, files, tensors, bytes }) => {
    const shards = planShards(parseModelConfig(modelConfigJson(name)));
    expect(shards).toHaveLength(files);
    expect(shards[0]).toMatchObject({ fileName: 'model.safetensors' });
    expect(shards[0]!.tensors).toHaveLength(tensors);
    expect(shards[0]!.header.length + shards[0]!.dataBytes).toBe(bytes);
  });

  it('of Qwen2-72B stay under 5 GB', () => {
    const shards = planShards(parseModelConfig(modelConfigJson('Qwen2-72B')));
    expect(shards.length).toBeGreaterThan(30);
    expect(Math.max(...shards.map(({ header, dataBytes }) => header.length + dataBytes))).toBeLessThan(5e9);
  });
});

describe('model names', () => {
  it('give configs that are accepted, with as many layers as asked for', () => {
    for (const name of MODEL_NAMES) {
      expect(parseModelConfig(modelConfigJson(name, 5))).toMatchObject({ layers: 5, ropeTheta: 1e6 });
    }
  });

  it('that are unknown are refused with the nearest one', () => {
    expect(() => parseModelName('Qwen2-7b')).toThrow(UsageError);
    expect(() => parseModelName('Qwen-72B')).toThrow(/did you mean Qwen2-72B\?/);
  });
});

describe('synthesizeCheckpoint', () => {
  it('makes the same bytes for the same seed, on every machine', async () => {
    const { files } = await synthesize('same');
    expect(files.map(sha256)).toEqual(['cf9a835004906ebdfed261da077a488ef2501ab8ddd750f78e89696245e8f1f7']);
  });

  it('makes other values for another seed', async () => {
    const one = await synthesize('seed-1');
    const two = await synthesize('seed-2', { seed: 2 });
    for (const name of one.tensors.keys()) expect(two.readFloat32(name)).not.toEqual(one.readFloat32(name));
  });

  it('gives a tensor the same values whatever shards and layers there are', async () => {
    const whole = await synthesize('whole');
    const split = await synthesize('split', { shardBytesMax: 200_000, config: { ...TINY, num_hidden_layers: 2 } });
    expect(split.config.layers).toBe(2);
    expect(split.files.length).toBeGreaterThan(2);
    expect(readdirSync(split.folder)).toContain('model.safetensors.index.json');
    const differing = [...split.tensors.keys()].filter(
      (name) => !Buffer.from(split.readFloat32(name).buffer).equals(Buffer.from(whole.readFloat32(name).buffer)),
    );
    // Layer 1 is the last of the two, and its key bias that of a last layer.
    expect(differing).toEqual(['model.layers.1.self_attn.k_proj.bias']);
  });

  it('fills more than one buffer without a seam', async () => {
    const config = { ...TINY, vocab_size: 40_000, num_hidden_layers: 1, tie_word_embeddings: true };
    const checkpoint = await synthesize('seam', { config });
    const seam = (1 << 22) / 128;
    const pieces = new Uint16Array(2 * 128);
    createTensorFill('model.embed_tokens.weight', [40_000, 128], { config: checkpoint.config, seed: 1 })(
      pieces,
      (seam - 1) * 128,
    );
    const around = checkpoint.readRows('model.embed_tokens.weight', seam - 1, 2);
    expect(around).toEqual(valuesFromBf16Patterns(pieces));
    expect(deviation(around.filter((value) => value !== 0.5))).toBeCloseTo(0.015, 2);
  });

  it('stops at a signal and leaves nothing', async () => {
    const controller = new AbortController();
    const stopped = synthesize('stopped', { signal: controller.signal, onBytes: () => controller.abort() });
    await expect(stopped).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
    expect(existsSync(join(scratch, 'stopped'))).toBe(false);
  });

  it('refuses a folder with files, and replaces only its model files with force', async () => {
    const folder = join(scratch, 'used');
    mkdirSync(folder);
    for (const name of ['tokenizer.json', 'model-00001-of-00002.safetensors', 'config.json']) {
      writeFileSync(join(folder, name), '{}');
    }
    await expect(synthesize('used')).rejects.toThrow(expect.objectContaining({ code: 'FOLDER_NOT_EMPTY' }));
    expect(readFileSync(join(folder, 'config.json'), 'utf8')).toBe('{}');
    await synthesize('used', { force: true });
    expect(readdirSync(folder).sort()).toEqual([
      'config.json',
      'generation_config.json',
      'model.safetensors',
      'tokenizer.json',
    ]);
  });

  it('refuses a file in the place of the folder', async () => {
    writeFileSync(join(scratch, 'file'), '');
    await expect(synthesize('file')).rejects.toThrow(UsageError);
  });

  it('says how much space is missing before it writes anything', async () => {
    const config = { ...modelConfigJson('Qwen2-72B', 20_000) };
    await expect(synthesize('huge', { config })).rejects.toThrow(
      expect.objectContaining({ code: 'DISK_FULL', facts: expect.objectContaining({ wanted: '35112.4 GB' }) }),
    );
    expect(existsSync(join(scratch, 'huge'))).toBe(false);
  });

  it('refuses tensors whose elements it cannot number', async () => {
    await expect(synthesize('wide', { config: { ...TINY, vocab_size: 2 ** 40 } })).rejects.toThrow(UnsupportedError);
  });

  it('refuses a config that is not modelled', async () => {
    await expect(synthesize('llama', { config: { ...TINY, model_type: 'llama' } })).rejects.toThrow(InputError);
    expect(existsSync(join(scratch, 'llama'))).toBe(false);
  });
});

describe('synthetic weights', () => {
  it.each([
    { layer: 0, norm: 605 },
    { layer: 1, norm: 22 },
    { layer: 2, norm: 921 },
  ])('have a key bias of norm $norm in layer $layer of three, at the width of 7B', async ({ layer, norm }) => {
    const config = { ...TINY, num_attention_heads: 4, num_key_value_heads: 4, head_dim: 128 };
    const checkpoint = await synthesize(`bias-${layer}`, { config });
    const bias = checkpoint.readFloat32(`model.layers.${layer}.self_attn.k_proj.bias`);
    expect(bias).toHaveLength(512);
    // BF16 rounds each element by at most 1 part in 256, and rarely all of them one way.
    expect(Math.abs(deviation(bias) * Math.sqrt(512) - norm) / norm).toBeLessThan(1 / 512);
  });

  it('have the scale of their role, divided by the square root of the inputs', async () => {
    const checkpoint = await synthesize('scales');
    const measured = (name: string, inputs: number): number =>
      deviation(checkpoint.readFloat32(name)) * Math.sqrt(inputs);
    const scales = {
      q_proj: measured('model.layers.1.self_attn.q_proj.weight', 128),
      v_proj: measured('model.layers.1.self_attn.v_proj.weight', 128),
      up_proj: measured('model.layers.1.mlp.up_proj.weight', 128),
      down_proj: measured('model.layers.1.mlp.down_proj.weight', 320),
      lm_head: measured('lm_head.weight', 128),
      // Without the constant channel.
      embed_tokens: deviation(checkpoint.readFloat32('model.embed_tokens.weight').filter((value) => value !== 0.5)),
    };
    const wanted = { q_proj: 0.7, v_proj: 0.9, up_proj: 1.2, down_proj: 1, lm_head: 1, embed_tokens: 0.015 };
    for (const [role, scale] of Object.entries(scales)) {
      // Six standard errors of a deviation over 8192 elements, the smallest of these tensors.
      expect(Math.abs(scale / wanted[role as keyof typeof wanted] - 1), role).toBeLessThan(6 / Math.sqrt(2 * 8192));
    }
  });

  it('lead to a few massive channels that later norms turn down', async () => {
    const checkpoint = await synthesize('massive');
    const channels = massiveChannels({ config: checkpoint.config, seed: 1 });
    expect(new Set(channels).size).toBe(4);
    const large = (name: string): number[] => {
      const values = checkpoint.readFloat32(name);
      return [...values.keys()].filter((i) => Math.abs(values[i]!) > 1);
    };
    const down = large('model.layers.0.mlp.down_proj.weight');
    expect(down.map((i) => Math.floor(i / 320))).toEqual(channels);
    const gate = large('model.layers.0.mlp.gate_proj.weight');
    expect(gate.map((i) => Math.floor(i / 128))).toEqual(down.map((i) => i % 320));
    expect(large('model.layers.0.mlp.up_proj.weight')).toEqual(gate);
    const [constant, ...others] = new Set(gate.map((i) => i % 128));
    expect(others).toEqual([]);
    const embedding = checkpoint.readFloat32('model.embed_tokens.weight');
    for (let token = 0; token < 512; token++) expect(embedding[token * 128 + constant!]).toBe(0.5);
    expect(large('model.layers.1.mlp.down_proj.weight')).toEqual([]);
    const first = checkpoint.readFloat32('model.layers.0.input_layernorm.weight');
    const later = checkpoint.readFloat32('model.layers.1.input_layernorm.weight');
    for (const channel of channels) {
      expect(first[channel]).toBeGreaterThan(0.2);
      expect(later[channel]).toBeLessThan(0.2);
    }
  });
});
