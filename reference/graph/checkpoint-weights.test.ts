import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { Tensor } from 'onnxruntime-node';
import { afterAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../src/checkpoint/weights.ts';
import { ReferenceFaultError } from '../../src/errors.ts';
import { feedInPieces, fixturePath, maxDistance, readGoldenCase } from '../golden-cases.ts';
import { ModelProtoSchema } from '../onnx/onnx_pb.generated.ts';
import { createReference } from '../onnx-reference.ts';
import { externalDataFolder, float32Bytes } from './checkpoint-weights.ts';
import { FP32_OPERATORS } from './fp32-operators.ts';
import { buildBody, buildHead } from './qwen2-graph.ts';
import { openSession, runSession } from './session.ts';

const SHARDED = 'golden-hf/quirk-sharded-heavy';
const cache = realpathSync(mkdtempSync(join(tmpdir(), 'qwen-pcc-cache-')));
afterAll(() => rmSync(cache, { recursive: true }));

/** The checkpoint as Hugging Face's cache holds it: a snapshot folder of links to a folder of blobs. */
function linkedCheckpoint(): string {
  const blobs = join(cache, 'blobs');
  const snapshot = join(cache, 'snapshots', 'abc');
  mkdirSync(snapshot, { recursive: true });
  cpSync(fixturePath(SHARDED), blobs, { recursive: true });
  for (const file of readdirSync(blobs)) symlinkSync(join(blobs, file), join(snapshot, file));
  return snapshot;
}

describe('external data', () => {
  it('lies in the checkpoint folder', () => {
    expect(externalDataFolder(openCheckpoint(fixturePath(SHARDED)))).toBe(realpathSync(fixturePath(SHARDED)));
  });

  it('is found where a checkpoint of links points', async () => {
    const checkpoint = openCheckpoint(linkedCheckpoint());
    expect(externalDataFolder(checkpoint)).toBe(join(cache, 'blobs'));
    const golden = readGoldenCase('golden-hf/quirk-sharded-heavy');
    const source = await createReference(checkpoint, { precision: 'fp32' });
    const logits = await feedInPieces(source, golden, golden.tokenIds.length);
    await source.close();
    expect(maxDistance(logits, golden.truth)).toBeLessThanOrEqual(golden.tolerance);
  });

  it.each(['tiny-qwen2', 'golden-hf/quirk-tied-f16', SHARDED])('holds every weight of %s, the graphs none', (name) => {
    const checkpoint = openCheckpoint(fixturePath(name));
    const settings = { operators: FP32_OPERATORS, weights: 'mapped' } as const;
    const graphs = [buildBody(checkpoint, settings, new Set()), buildHead(checkpoint, settings, 1000)];
    const used = new Set<string>();
    for (const bytes of graphs) {
      for (const tensor of fromBinary(ModelProtoSchema, bytes).graph!.initializer) {
        expect(tensor.rawData).toHaveLength(0);
        expect(tensor.int64Data.length + tensor.floatData.length).toBeLessThan(8);
        if (tensor.externalData.length > 0) used.add(tensor.name.replace(/\[.*$/, ''));
      }
    }
    expect(used).toEqual(new Set(checkpoint.tensors.keys()));
  });

  it('counts four bytes for each weight as float32', () => {
    const checkpoint = openCheckpoint(fixturePath('golden-hf/quirk-tied-f16'));
    const parameters = [...checkpoint.tensors.keys()].reduce((n, name) => n + checkpoint.readFloat32(name).length, 0);
    expect(float32Bytes(checkpoint)).toBe(4 * parameters);
  });
});

describe('a head cut into slices', () => {
  const checkpoint = openCheckpoint(fixturePath('tiny-qwen2'));
  const { hiddenSize, vocabSize } = checkpoint.config;
  const settings = { operators: FP32_OPERATORS, weights: 'mapped' } as const;
  const build = (sliceRows: number): Uint8Array => buildHead(checkpoint, settings, sliceRows);

  it('has every row of the vocabulary once', () => {
    const { initializer } = fromBinary(ModelProtoSchema, build(900)).graph!;
    expect(initializer.map(({ name }) => name).filter((name) => name.startsWith('lm_head'))).toEqual([
      'lm_head.weight[0:900]',
      'lm_head.weight[900:1800]',
      'lm_head.weight[1800:2048]',
    ]);
  });

  it('gives the logits of a whole head', async () => {
    const hidden = new Tensor('float32', checkpoint.readRows('model.embed_tokens.weight', 40, 3), [3, hiddenSize]);
    const logitsOf = async (sliceRows: number): Promise<Float32Array> => {
      const dataFolder = externalDataFolder(checkpoint);
      const session = await openSession(build(sliceRows), { dataFolder, threads: 2, weights: 'mapped' });
      const { logits } = await runSession(session, { hidden });
      await session.release();
      return logits!.data as Float32Array;
    };
    const whole = await logitsOf(vocabSize);
    expect(new Set(whole).size).toBeGreaterThan(vocabSize);
    expect(await logitsOf(900)).toEqual(whole);
  });
});

describe('a weight file that is cut after the checkpoint was opened', () => {
  it('is a fault of the reference, with what the runtime says', async () => {
    const folder = join(cache, 'cut');
    cpSync(fixturePath('golden-hf/quirk-config-v5'), folder, { recursive: true });
    const checkpoint = openCheckpoint(folder);
    truncateSync(join(folder, 'model.safetensors'), 100_000);
    const created = createReference(checkpoint, { precision: 'fp32' });
    await expect(created).rejects.toThrow(ReferenceFaultError);
    await expect(created).rejects.toThrow(/found\s+\S/);
  });
});
