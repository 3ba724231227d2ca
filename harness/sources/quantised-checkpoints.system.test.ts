// Quantised checkpoints run: on both sides a checkpoint of any format computes what the same values, stored as plain float32, compute.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createReference } from '../../reference/onnx-reference.ts';
import { FIXTURES } from '../../src/checkpoint/checkpoint.fixture.ts';
import { QUANTISED, quantisedFolder } from '../../src/checkpoint/formats/quantised-folder.fixture.ts';
import { writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { type Checkpoint, openCheckpoint } from '../../src/checkpoint/weights.ts';
import type { LogitsSource } from '../../src/device/logits-source.ts';
import { DEFAULT_N150_CONFIG } from '../../src/device/n150/recipes.ts';
import { roundAllToBf16TiesEven } from '../../src/numerics/bf16.ts';
import { Models } from './models.ts';
import { openN150 } from './open-n150.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-quantised-runs-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const TINY = path.join(FIXTURES, 'tiny-qwen2');

/** A prompt, and what follows it in small steps. */
const PROMPT = 17;
const TOKENS = Int32Array.from({ length: 23 }, (_, i) => (i * 37 + 5) % 2000);

const PLACES: Readonly<Record<string, () => string>> = {
  ...Object.fromEntries(
    [
      'gptq',
      'gptq-v2',
      'awq',
      'compressed-tensors-pack',
      'compressed-tensors-w8a8',
      'fp8-block',
      'bnb-nf4',
      'bnb-fp4',
      'bnb-int8',
      'mlx-4bit',
    ].map((name) => [name, () => quantisedFolder(name, scratch)]),
  ),
  gguf: () => path.join(QUANTISED, 'gguf', 'tiny-qwen2.gguf'),
  lora: () => `${TINY}+${path.join(QUANTISED, 'lora')}`,
};

/** The same values in a folder of plain tensors; the N150's host holds them in bfloat16, as programs that load such checkpoints do. */
function plainCopy(checkpoint: Checkpoint, name: string, isRounded: boolean): string {
  const folder = path.join(scratch, name);
  mkdirSync(folder);
  const config = JSON.parse(readFileSync(path.join(TINY, 'config.json'), 'utf8')) as Record<string, unknown>;
  const { rmsNormEps, tieWordEmbeddings } = checkpoint.config;
  writeFileSync(
    path.join(folder, 'config.json'),
    JSON.stringify({ ...config, rms_norm_eps: rmsNormEps, tie_word_embeddings: tieWordEmbeddings }),
  );
  copyFileSync(path.join(TINY, 'tokenizer.json'), path.join(folder, 'tokenizer.json'));
  const tensors = [...checkpoint.tensors].map(([tensor, { shape }]) => {
    const data = checkpoint.readFloat32(tensor);
    if (isRounded && shape.length === 2) roundAllToBf16TiesEven(data);
    return { name: tensor, dtype: 'F32', shape, data } as const;
  });
  writeSafetensors(path.join(folder, 'model.safetensors'), tensors);
  return folder;
}

/** Logits of every position, the last ones one by one. */
async function rowsOf(source: LogitsSource): Promise<Float32Array> {
  const rows: number[] = [];
  for (const part of [TOKENS.subarray(0, PROMPT), TOKENS.subarray(PROMPT, 22), TOKENS.subarray(22)]) {
    await source.feed(part, { rows: 'all', promptLength: PROMPT }, ({ logits }) => void rows.push(...logits));
  }
  await source.close();
  return Float32Array.from(rows);
}

const onReference = async (checkpoint: Checkpoint): Promise<Float32Array> =>
  rowsOf(await createReference(checkpoint, { precision: 'fp32', threads: 2, weights: 'resident' }));
const onDevice = async (checkpoint: Checkpoint): Promise<Float32Array> =>
  rowsOf(await openN150(checkpoint, false, DEFAULT_N150_CONFIG, { threads: 2 }));

const original = onReference(openCheckpoint(TINY));

describe.each(Object.keys(PLACES))('%s', (name) => {
  const checkpoint = openCheckpoint(PLACES[name]!());

  it('is read by the reference as the same values in plain float32, to the bit', async () => {
    const plain = openCheckpoint(plainCopy(checkpoint, `${name}-reference`, false));
    const rows = await onReference(checkpoint);
    expect(rows).toEqual(await onReference(plain));
    // And it is another model than its original, but not a wrecked one.
    expect(rows).not.toEqual(await original);
  });

  it('is packed for the device as the same values in bfloat16, to the bit', async () => {
    const plain = openCheckpoint(plainCopy(checkpoint, `${name}-device`, true));
    expect(await onDevice(checkpoint)).toEqual(await onDevice(plain));
  });

  it('has the tokens of its original', () => {
    const [own, original] = [checkpoint.folder, TINY].map((place) => new Models().open(place).tokenizer!);
    const text = 'Fellow citizens of the Senate: 12 whales, 中文 and <|im_end|>';
    expect(own!.encode(text)).toEqual(original!.encode(text));
  });
});
