// Checkpoints that do not open, as people have them: each is explained by its cause in a few lines, and what is asked for leads on.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkpointCopies, errorOf, rewriteJson, rewriteWeights } from './checkpoint.fixture.ts';
import type { TensorToWrite } from './safetensors.ts';
import { openCheckpoint } from './weights.ts';

const { copyOf, scratch } = checkpointCopies(afterAll);
const TINY = 'golden-hf/quirk-config-v5';
const TIED = 'golden-hf/quirk-tied-f16';
let copies = 0;

/** A copy whose tensors are changed. */
function changed(change: (tensors: TensorToWrite[]) => TensorToWrite[], fixture = TINY): string {
  const folder = copyOf(fixture, `changed-${copies++}`);
  rewriteWeights(folder, change);
  return folder;
}

const renamed =
  (rename: (name: string) => string) =>
  (tensors: TensorToWrite[]): TensorToWrite[] =>
    tensors.map((tensor) => ({ ...tensor, name: rename(tensor.name) }));
const one = (name: string): TensorToWrite => ({ name, dtype: 'F32', shape: [1], data: new Float32Array(1) });
const lines = (folder: string): string[] => errorOf(() => openCheckpoint(folder)).message.split('\n');

describe('tensors of other names', () => {
  it.each([
    {
      name: 'torch.compile',
      rename: (name: string) => `_orig_mod.${name}`,
      says: 'contain "_orig_mod." (torch.compile)',
      python: 'name.replace("_orig_mod.", "")',
    },
    {
      name: 'torch.compile of the decoder',
      rename: (name: string) => name.replace('model.', 'model._orig_mod.'),
      says: '"_orig_mod."',
      python: 'name.replace("_orig_mod.", "")',
    },
    {
      name: 'FSDP of each layer',
      rename: (name: string) => name.replace(/(layers\.\d\.)/, '$1_fsdp_wrapped_module.'),
      says: '(FSDP)',
      python: 'name.replace("_fsdp_wrapped_module.", "")',
    },
    {
      name: 'DataParallel',
      rename: (name: string) => `module.${name}`,
      says: 'begin with "module.model." (DataParallel or DeepSpeed)',
      python: 'name.removeprefix("module.")',
    },
    {
      name: 'PEFT',
      rename: (name: string) => `base_model.model.${name}`,
      says: '"base_model.model.model." (PEFT)',
      python: 'name.removeprefix("base_model.model.")',
    },
    {
      name: 'a model of text and images, version 5',
      rename: (name: string) => name.replace(/^model\./, 'model.language_model.'),
      says: 'begin with "model.language_model."',
      python: 'name.replace("model.language_model.", "model.", 1)',
    },
    {
      name: 'a model of text and images, version 4',
      rename: (name: string) => `language_model.${name}`,
      says: 'begin with "language_model.model."',
      python: 'name.removeprefix("language_model.")',
    },
    {
      name: 'a wrapper that nobody knows',
      rename: (name: string) => `actor.policy.${name}`,
      says: 'begin with "actor.policy.model."',
      python: 'name.removeprefix("actor.policy.")',
    },
    {
      name: 'the decoder without its head',
      rename: (name: string) => name.replace(/^model\./, ''),
      says: 'saved without its head',
      python: 'name if name.startswith("lm_head.") else "model." + name',
    },
  ])('are said once, with a renaming that is right: $name', ({ rename, says, python }) => {
    const folder = changed(renamed(rename));
    const { code, message } = errorOf(() => openCheckpoint(folder));
    expect(code).toBe('CHECKPOINT_TENSORS');
    expect(message.split('\n').length).toBeLessThan(9);
    expect(message).toContain(says);
    expect(message).toContain(`tensors = {${python}: tensor`);
  });

  it('that are of no Qwen2 at all are counted', () => {
    expect(
      lines(changed(renamed((name) => `transformer.${name.length}.${name.replaceAll('.', '_')}`))).join('\n'),
    ).toMatch(/none of the tensors is one of Qwen2ForCausalLM\.\n +found +39 tensors, such as transformer/);
  });
});

describe('tensors that are missing or extra', () => {
  it('a missing lm_head alone: the hint is tie_word_embeddings, and following it opens the checkpoint', () => {
    const folder = changed((tensors) => tensors.filter(({ name }) => name !== 'lm_head.weight'));
    expect(lines(folder).at(-1)).toContain('write "tie_word_embeddings": true into config.json');
    rewriteJson(folder, 'config.json', (config) => ({ ...config, tie_word_embeddings: true }));
    expect(openCheckpoint(folder).lmHeadName).toBe('model.embed_tokens.weight');
  });

  it.each([
    { name: 'a value head', extra: ['v_head.summary.weight', 'v_head.summary.bias'] },
    { name: 'a classifier', extra: ['score.weight'] },
    { name: 'heads that predict further tokens', extra: ['mtp.fc.weight', 'medusa_head.0.linear.bias'] },
  ])('$name is noted, not refused', ({ extra }) => {
    const { notes } = openCheckpoint(changed((tensors) => [...tensors, ...extra.map(one)]));
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(/^extra tensors, not part of Qwen2ForCausalLM and not read; the rest is complete: /);
    for (const name of extra) expect(notes[0]).toContain(name);
  });

  it('a note does nothing to a terminal', () => {
    const folder = changed((tensors) => [...tensors, one('\u001b[2Jv_head\u202e')]);
    rewriteJson(folder, 'config.json', (config) => ({ ...config, 'logit\u001b]0;x\u0007_scale\n': 2 }));
    const text = openCheckpoint(folder).notes.join('|');
    expect(text).toContain('v_head');
    expect(text).toContain('_scale');
    expect(text).not.toMatch(/[\p{Cc}\u202e]/u);
  });

  it('buffers that the model computes itself say nothing', () => {
    const buffers = ['model.rotary_emb.inv_freq', 'model.layers.0.self_attn.rotary_emb.cos_cached'];
    expect(openCheckpoint(changed((tensors) => [...tensors, ...buffers.map(one)])).notes).toEqual([]);
  });

  it.each([
    {
      name: 'an adapter',
      extra: 'model.layers.0.self_attn.q_proj.lora_A.weight',
      says: 'an adapter that is not merged',
      hint: 'BASE.ADAPTER',
    },
    {
      name: 'a quantised weight',
      extra: 'model.layers.0.mlp.up_proj.qweight',
      says: 'part of a quantised weight',
      hint: 'quantization_config',
    },
    {
      name: 'bitsandbytes',
      extra: 'model.layers.0.mlp.up_proj.weight.quant_state.bitsandbytes__nf4',
      says: 'part of a quantised weight',
      hint: 'quantization_config',
    },
    { name: "Qwen3's norms", extra: 'model.layers.0.self_attn.q_norm.weight', says: 'Qwen3', hint: 'architectures' },
    { name: 'a bias', extra: 'lm_head.bias', says: 'a bias that Qwen2ForCausalLM does not add', hint: 'if it is zero' },
    {
      name: 'a layer beyond the last',
      extra: 'model.layers.3.input_layernorm.weight',
      says: 'num_hidden_layers 3',
      hint: 'number of layers',
    },
    {
      name: 'an unknown part of the decoder',
      extra: 'model.adapter.weight',
      says: 'not part of Qwen2ForCausalLM',
      hint: 'remove it',
    },
  ])('what would take part in the logits is refused by its cause: $name', ({ extra, says, hint }) => {
    const {
      code,
      message,
      hint: advice,
    } = errorOf(() => openCheckpoint(changed((tensors) => [...tensors, one(extra)])));
    expect(code).toBe('CHECKPOINT_TENSORS');
    expect(message).toContain(`1. unused  ${extra}: ${says.slice(0, 3)}`.slice(0, -3));
    expect(message).toContain(says);
    expect(advice).toMatch(new RegExp(`^the rest of the model is complete; .*${hint}`));
  });

  it.each([1e9, 2 ** 53 - 1, 8])('a config of %d layers over files of 3 is one line', (layers) => {
    const folder = copyOf(TINY, `layers-${layers}`);
    rewriteJson(folder, 'config.json', (config) => ({ ...config, num_hidden_layers: layers, layer_types: undefined }));
    expect(lines(folder)).toEqual([
      expect.stringContaining('do not fit together'),
      expect.stringContaining(
        `1. missing  layers 3 to ${layers - 1}: the files hold 3, num_hidden_layers is ${layers}`,
      ),
      expect.stringContaining('"num_hidden_layers": 3'),
    ]);
    rewriteJson(folder, 'config.json', (config) => ({ ...config, num_hidden_layers: 3 }));
    expect(openCheckpoint(folder).config.layers).toBe(3);
  });

  it('a tensor of layer 999,999,999 makes no list of a billion names', () => {
    const folder = changed((tensors) => [...tensors, one('model.layers.999999999.input_layernorm.weight')]);
    rewriteJson(folder, 'config.json', (config) => ({ ...config, num_hidden_layers: 1e9, layer_types: undefined }));
    expect(lines(folder).length).toBeLessThan(15);
  });

  it('a resized vocabulary: the hint has the number, and following it opens the checkpoint', () => {
    const folder = copyOf(TINY, 'resized');
    rewriteJson(folder, 'config.json', (config) => ({ ...config, vocab_size: 256 }));
    expect(lines(folder).at(-1)).toContain('write "vocab_size": 257 into config.json');
  });

  it('39 tensors of the wrong shape are ten lines and a count', () => {
    const folder = copyOf(TINY, 'other-shape');
    rewriteJson(folder, 'config.json', (config) => ({ ...config, intermediate_size: 161, hidden_size: 80 }));
    expect(lines(folder)).toHaveLength(13);
    expect(lines(folder).at(-2)).toMatch(/^ {2}and \d+ more$/);
  });
});

describe('an lm_head beside tied embeddings', () => {
  const head =
    (change: (bytes: Uint8Array) => void) =>
    (tensors: TensorToWrite[]): TensorToWrite[] => {
      const embedding = tensors.find(({ name }) => name === 'model.embed_tokens.weight')!;
      const data = Uint8Array.from(embedding.data as Uint8Array);
      change(data);
      return [...tensors, { ...embedding, name: 'lm_head.weight', data }];
    };

  it('that differs is kept, as in Transformers 5, and noted', () => {
    const checkpoint = openCheckpoint(
      changed(
        head((bytes) => (bytes[bytes.length - 2]! ^= 1)),
        TIED,
      ),
    );
    expect(checkpoint.lmHeadName).toBe('lm_head.weight');
    expect(checkpoint.tensors.has('lm_head.weight')).toBe(true);
    expect(checkpoint.notes).toEqual([expect.stringContaining('set tie_word_embeddings to false')]);
  });

  it('that is the same in another dtype is a copy, without a word', () => {
    const folder = copyOf(TIED, 'wide-copy');
    const embedding = openCheckpoint(folder).readFloat32('model.embed_tokens.weight');
    rewriteWeights(folder, (tensors) => [
      ...tensors,
      { name: 'lm_head.weight', dtype: 'F32', shape: [257, 112], data: embedding },
    ]);
    const { lmHeadName, notes } = openCheckpoint(folder);
    expect({ lmHeadName, notes }).toEqual({ lmHeadName: 'model.embed_tokens.weight', notes: [] });
  });

  it('that stands alone is the embedding too', () => {
    const rename = (name: string): string => (name === 'model.embed_tokens.weight' ? 'lm_head.weight' : name);
    const checkpoint = openCheckpoint(changed(renamed(rename), TIED));
    expect(checkpoint.readRows('model.embed_tokens.weight', 3, 1)).toHaveLength(112);
  });

  it('that a shard holds and the index does not name is a copy all the same', () => {
    const folder = changed(
      head(() => {}),
      TIED,
    );
    const shard = 'model-00001-of-00001.safetensors';
    renameSync(join(folder, 'model.safetensors'), join(folder, shard));
    const names = Object.keys(Object.fromEntries(openCheckpointNames(folder, shard)));
    const weightMap = Object.fromEntries(
      names.filter((name) => name !== 'lm_head.weight').map((name) => [name, shard]),
    );
    writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }));
    expect(openCheckpoint(folder).lmHeadName).toBe('model.embed_tokens.weight');
  });
});

/** Names of a weight file that is not in its place. */
function openCheckpointNames(folder: string, shard: string): readonly (readonly [string, unknown])[] {
  const single = join(folder, 'model.safetensors');
  copyFileSync(join(folder, shard), single);
  const names = [...openCheckpoint(folder).tensors];
  rmSync(single);
  return names;
}

describe('a folder without weights', () => {
  it.each([
    { name: 'an adapter', file: 'adapter_model.safetensors', says: '--weights BASE+' },
    { name: 'an unfinished download', file: 'model.safetensors.incomplete', says: 'let the download finish' },
    {
      name: 'shards without an index',
      file: 'model-00001-of-00002.safetensors',
      says: 'download model.safetensors.index.json',
    },
    { name: 'pickles', file: 'pytorch_model.bin', says: 'save_pretrained("merged")' },
    { name: 'another name', file: 'weights.safetensors', says: 'name the file model.safetensors' },
    { name: 'several GGUF models', file: 'q4_k_m.gguf', beside: 'q8_0.gguf', says: 'name one of the .gguf files' },
  ])('says what is there instead: $name', ({ file, says, beside = file }) => {
    const folder = copyOf(TINY, `instead-${copies++}`);
    rmSync(join(folder, 'model.safetensors'));
    for (const name of new Set([file, beside])) writeFileSync(join(folder, name), '');
    const { code, message } = errorOf(() => openCheckpoint(folder));
    expect(code).toBe('CHECKPOINT_NO_WEIGHTS');
    expect(message).toContain(file);
    expect(message).toContain(says);
  });

  it('a folder above the checkpoint has no config.json', () => {
    const folder = join(scratch, 'above');
    mkdirSync(join(folder, 'snapshots'), { recursive: true });
    expect(errorOf(() => openCheckpoint(folder)).code).toBe('CONFIG_UNREADABLE');
  });
});

describe('files that are damaged', () => {
  it.each([
    {
      name: 'a pointer of git-lfs',
      damage: (path: string) => writeFileSync(path, 'version https://git-lfs.github.com/spec/v1\n'),
      says: 'git lfs pull',
    },
    { name: 'a shard that was cut', damage: (path: string) => truncateSync(path, 50_000), says: 'the file is cut off' },
    {
      name: 'a link into an incomplete cache',
      damage: (path: string) => {
        rmSync(path);
        symlinkSync('../blobs/none', path);
      },
      says: '1 of 4 shards',
    },
  ])('are named among shards: $name', ({ damage, says }) => {
    const folder = copyOf('golden-hf/quirk-sharded-heavy', `damaged-${copies++}`);
    const shard = readdirSync(folder).find((name) => name.startsWith('model-00002'))!;
    expect(existsSync(join(folder, shard))).toBe(true);
    damage(join(folder, shard));
    const { message } = errorOf(() => openCheckpoint(folder));
    expect(message).toContain(shard);
    expect(message).toContain(says);
  });
});
