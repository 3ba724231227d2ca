// A GGUF file as a checkpoint: tiny-qwen2 in mixed types, against what gguf-py dequantises and against the folder that it was made from.
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { errorOf, FIXTURES } from '../../checkpoint.fixture.ts';
import { readTensorRows, readWholeTensor, sidesOf, storedAs } from '../../checkpoint-tensor.ts';
import { parseModelConfig, readModelConfig } from '../../config.ts';
import { expectedTensors } from '../../tensor-names.ts';
import { openCheckpoint } from '../../weights.ts';
import { GGUF_FOLDER, type GgufToWrite, ggufBytes, TINY_GGUF, tinyParts } from './gguf-file.fixture.ts';
import type { MetadataValue } from './metadata.ts';
import { openGguf } from './open-gguf.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-gguf-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const FOLDER = join(FIXTURES, 'tiny-qwen2');
const opened = openGguf(TINY_GGUF);
const original = openCheckpoint(FOLDER);
const { tensors: golden } = JSON.parse(readFileSync(join(GGUF_FOLDER, 'expected.json'), 'utf8')) as {
  tensors: Record<string, string>;
};

function written(name: string, file: GgufToWrite): string {
  const path = join(scratch, name);
  writeFileSync(path, ggufBytes(file));
  return path;
}

function digestOf({ buffer, byteOffset, byteLength }: Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest('hex');
}

/** The tiny file with other metadata, of its tensors those that the config depends on; undefined takes a key away. */
function withMetadata(changes: Readonly<Record<string, MetadataValue | undefined>>): string {
  const { metadata, tensors: all } = tinyParts();
  const tensors = all.filter(({ name }) => ['token_embd.weight', 'output.weight'].includes(name));
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) metadata.delete(key);
    else metadata.set(key, value);
  }
  return written('changed.gguf', { metadata, tensors });
}

describe('tiny-qwen2.gguf', () => {
  it('holds exactly the tensors of the model', () => {
    expect([...opened.tensors.keys()].sort()).toEqual([...expectedTensors(original.config).keys()].sort());
    for (const [name, shape] of expectedTensors(original.config))
      expect(opened.tensors.get(name)!.shape).toEqual(shape);
  });

  it.each(Object.entries(golden))('gives the float32 of gguf-py for %s', (name, typeAndDigest) => {
    const tensor = opened.tensors.get(name)!;
    const values = readWholeTensor(tensor);
    expect(`${storedAs(tensor)} ${digestOf(values)}`).toBe(typeAndDigest);
  });

  it('gives rows singly and in odd cuts with the bits that the whole has', () => {
    for (const [name, tensor] of opened.tensors) {
      const [rows, columns] = sidesOf(tensor);
      const whole = readWholeTensor(tensor);
      for (const [first, count] of [
        [0, 1],
        [rows - 1, 1],
        [Math.floor(rows / 3), Math.ceil(rows / 5)],
      ] as const) {
        const part = readTensorRows(tensor, first, count);
        expect(digestOf(part), name).toBe(digestOf(whole.subarray(first * columns, (first + count) * columns)));
      }
    }
  });

  it('has plain tensors where they can be mapped: aligned, as they lie in the file', () => {
    const plain = [...opened.tensors.values()].filter((tensor) => tensor.kind === 'plain');
    expect(plain.length).toBe(33);
    expect(plain.every(({ offsetBytes, file }) => offsetBytes % 32 === 0 && file === TINY_GGUF)).toBe(true);
    expect([...new Set(plain.map(({ dtype }) => dtype))].sort()).toEqual(['BF16', 'F16', 'F32']);
  });

  it('says what it is stored as', () => {
    expect(opened.encoding).toBe(
      'GGUF Q4_0: F32 x 31, Q4_0 x 15, Q5_0 x 8, Q4_1 x 7, Q5_1 x 7, Q8_0 x 5, BF16 x 1, F16 x 1',
    );
    expect(opened.notes).toEqual([]);
    expect(opened.files).toEqual([TINY_GGUF]);
  });
});

describe('attention of architecture qwen2', () => {
  const projections = ['q_proj', 'k_proj', 'v_proj'].flatMap((projection) =>
    Array.from({ length: 6 }, (_, layer) => `model.layers.${layer}.self_attn.${projection}`),
  );

  it.each(projections)('has every bit of the bias of %s', (name) => {
    const bias = readWholeTensor(opened.tensors.get(`${name}.bias`)!);
    expect(bias.some((value) => value !== 0)).toBe(true);
    expect(bias).toEqual(original.readFloat32(`${name}.bias`));
  });

  it.each(projections.filter((name) => !name.endsWith('v_proj')))(
    'has the rows of %s in the order of the folder',
    (name) => {
      const wanted = original.readFloat32(`${name}.weight`);
      const actual = readWholeTensor(opened.tensors.get(`${name}.weight`)!);
      expect(relativeError(actual, wanted)).toBeLessThan(0.15);
      // What llama's files need, and what must not be done here.
      expect(relativeError(unpermuted(actual, 32, 128), wanted)).toBeGreaterThan(1);
    },
  );
});

function relativeError(actual: Float32Array, wanted: Float32Array): number {
  let error = 0;
  let power = 0;
  for (let i = 0; i < wanted.length; i++) {
    error += (actual[i]! - wanted[i]!) ** 2;
    power += wanted[i]! ** 2;
  }
  return Math.sqrt(error / power);
}

/** Rows 2i and 2i + 1 of each head become rows i and i + half. */
function unpermuted(values: Float32Array, headDim: number, columns: number): Float32Array {
  const rows = new Float32Array(values.length);
  for (let row = 0; row < values.length / columns; row++) {
    const inHead = row % headDim;
    const to = row - inHead + (inHead % 2) * (headDim / 2) + Math.floor(inHead / 2);
    rows.set(values.subarray(row * columns, (row + 1) * columns), to * columns);
  }
  return rows;
}

describe('config of a GGUF file', () => {
  const parsed = (path: string) => {
    const { config, generation } = openGguf(path);
    return parseModelConfig(config, { path, generation });
  };

  it('is that of the folder, which says in addition what it was trained in', () => {
    const { torchDtype, ...wanted } = readModelConfig(FOLDER);
    expect(torchDtype).toBe('bfloat16');
    expect(parsed(TINY_GGUF)).toEqual({ ...wanted, torchDtype: 'unknown', defaulted: [] });
  });

  it('has the decimal epsilon that was rounded to float32', () => {
    expect(tinyParts().metadata.get('qwen2.attention.layer_norm_rms_epsilon')).toBe(9.999999974752427e-7);
    expect(opened.config).toMatchObject({ rms_norm_eps: 1e-6, rope_theta: 1e6 });
  });

  it('is tied where there is no output.weight, and not where it is there at another precision than the embedding', () => {
    const { metadata, tensors } = tinyParts();
    const tied = openGguf(
      written('tied.gguf', { metadata, tensors: tensors.filter(({ name }) => name !== 'output.weight') }),
    );
    expect(tied.config).toMatchObject({ tie_word_embeddings: true, vocab_size: 2048 });
    expect(opened.config).toMatchObject({ tie_word_embeddings: false });
    expect(storedAs(opened.tensors.get('lm_head.weight')!)).toBe('Q5_0');
    expect(storedAs(opened.tensors.get('model.embed_tokens.weight')!)).toBe('Q8_0');
  });

  it('has YaRN as config.json writes it', () => {
    const path = withMetadata({
      'qwen2.rope.scaling.type': 'yarn',
      'qwen2.rope.scaling.factor': 4,
      'qwen2.rope.scaling.original_context_length': 32_768,
      'qwen2.rope.scaling.finetuned': true,
      'qwen2.rope.scaling.yarn_beta_fast': 32,
    });
    expect(parsed(path).ropeScaling).toMatchObject({ kind: 'yarn', factor: 4, originalMaxPositionEmbeddings: 32_768 });
  });

  it('ends a text at each token that the metadata names for that', () => {
    expect(parsed(withMetadata({ 'tokenizer.ggml.eot_token_id': 2047 })).eosTokenIds).toEqual([2045, 2047]);
  });

  it.each([
    ['general.architecture', 'llama', /rows of q and k are permuted/],
    ['general.architecture', 'qwen3', /architecture of GGUF files is not modelled.*qwen3/s],
    ['general.architecture', 'qwen2moe', /qwen2moe/],
    ['general.architecture', undefined, /lacks.*general\.architecture/s],
    ['general.type', 'adapter', /is no model/],
    ['general.quantization_version', 1, /quantization_version 1/],
    ['general.tensor_data_layout', 'Meta AI original pth', /layout of tensors/],
    ['qwen2.block_count', undefined, /lacks.*qwen2\.block_count/s],
    ['qwen2.embedding_length', 'many', /of the wrong kind.*"many"/s],
    ['qwen2.attention.head_count', 2n ** 63n, /of the wrong kind/],
    ['qwen2.attention.sliding_window', 4096, /qwen2\.attention\.sliding_window is not known/],
    ['qwen2.attention.causal', false, /causal/],
    ['qwen2.attention.value_length', 64, /value_length is not the dimension of a head/],
    ['qwen2.rope.dimension_count', 16, /dimension_count is not the dimension of a head/],
    ['qwen2.rope.scaling.attn_factor', 1.5, /attn_factor is not known/],
    ['qwen2.pooling_type', 3, /pooling_type is not known/],
    ['qwen2.vocab_size', 2047, /vocab_size is not that of the embedding/],
  ])('refuses %s %s by name', (key, value, message) => {
    const error = errorOf(() => openGguf(withMetadata({ [key]: value })));
    expect(error.message).toMatch(message);
    expect(['QUANTISED_UNSUPPORTED', 'GGUF_HEADER']).toContain(error.code);
  });

  it('takes what switches nothing on', () => {
    const changes = {
      'qwen2.attention.sliding_window': 0,
      'qwen2.rope.scaling.attn_factor': 1,
      'qwen2.vocab_size': 2048,
    };
    expect(parsed(withMetadata(changes))).toEqual(parsed(TINY_GGUF));
  });

  it('leaves rope scaling of other kinds to the reader of config.json, which refuses them by name', () => {
    const path = withMetadata({ 'qwen2.rope.scaling.type': 'linear', 'qwen2.rope.scaling.factor': 2 });
    expect(errorOf(() => parsed(path)).code).toBe('CONFIG_ROPE_TYPE');
  });
});

describe('tensors that are not read', () => {
  const plain = { type: 0, shape: [1], data: new Uint8Array(4) };
  it.each([
    ['rope_freqs.weight', /rotary frequencies/],
    ['model.norm.weight', /two tensors are one/],
  ])('refuses %s', (name, message) => {
    const { metadata, tensors } = tinyParts();
    const path = written('extra.gguf', { metadata, tensors: [...tensors, { name, ...plain }] });
    expect(() => openGguf(path)).toThrow(message);
  });

  it('passes on under its own name what Qwen2 does not have', () => {
    const { metadata, tensors } = tinyParts();
    const names = ['blk.0.attn_q_norm.weight', 'blk.00.attn_q.weight', 'blk.1.constructor.weight'];
    const path = written('extra.gguf', {
      metadata,
      tensors: [...tensors, ...names.map((name) => ({ name, ...plain }))],
    });
    expect(names.every((name) => openGguf(path).tensors.has(name))).toBe(true);
  });

  it('needs an embedding', () => {
    const { metadata, tensors } = tinyParts();
    const path = written('none.gguf', { metadata, tensors: tensors.slice(-1) });
    expect(() => openGguf(path)).toThrow(/token_embd/);
  });
});

describe('shards', () => {
  const { metadata, tensors } = tinyParts();
  const shard = (no: number, count: number, part: typeof tensors): GgufToWrite => ({
    metadata: [
      ...(no === 0 ? metadata : []),
      ['split.no', no],
      ['split.count', count],
      ['split.tensors.count', tensors.length],
    ],
    tensors: part,
  });
  const place = (name: string, no: number): string => join(name, `m-0000${no + 1}-of-00002.gguf`);
  const make = (name: string): string => {
    mkdirSync(join(scratch, name));
    written(place(name, 0), shard(0, 2, tensors.slice(0, 30)));
    return written(place(name, 1), shard(1, 2, tensors.slice(30)));
  };

  it('are one model, whichever of them is named', () => {
    const second = make('both');
    const model = openGguf(second);
    expect(model.files).toEqual([0, 1].map((no) => join(scratch, place('both', no))));
    expect(model.config).toEqual(opened.config);
    expect([...model.tensors.keys()]).toEqual([...opened.tensors.keys()]);
    for (const [name, tensor] of model.tensors) {
      expect(digestOf(readWholeTensor(tensor)), name).toBe(digestOf(readWholeTensor(opened.tensors.get(name)!)));
    }
  });

  it('are all needed', () => {
    const second = make('lone');
    rmSync(join(scratch, place('lone', 0)));
    const error = errorOf(() => openGguf(second));
    expect(error.code).toBe('CHECKPOINT_SHARDS');
    expect(error.message).toContain('m-00001-of-00002.gguf');
  });

  it('are what their names say', () => {
    make('swapped');
    written(place('swapped', 1), shard(0, 2, tensors.slice(0, 30)));
    expect(() => openGguf(join(scratch, place('swapped', 0)))).toThrow(/another shard than its name says/);
  });

  it('hold all tensors', () => {
    const second = make('fewer');
    written(place('fewer', 1), shard(1, 2, tensors.slice(31)));
    expect(() => openGguf(second)).toThrow(/do not hold all tensors/);
  });

  it('are not read one by one under other names', () => {
    const path = written('renamed.gguf', shard(0, 2, tensors.slice(0, 30)));
    expect(() => openGguf(path)).toThrow(/another shard than its name says/);
  });
});
