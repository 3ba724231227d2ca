import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../src/checkpoint/weights.ts';
import { ReferenceFaultError } from '../../src/errors.ts';
import { feedInPieces, fixturePath, maxDistance, rangeTolerance, readGoldenCase } from '../golden-cases.fixture.ts';
import { type GraphProto, ModelProtoSchema, type TensorProto } from '../onnx/onnx_pb.generated.ts';
import { createReference } from '../onnx-reference.ts';
import { rotaryFrequencies, rotaryTables } from '../rotary.ts';
import { externalDataFolder, float32Bytes, rowSlices } from './checkpoint-weights.ts';
import { FP32_OPERATORS } from './fp32-operators.ts';
import { Tensor } from './onnx-runtime.ts';
import { buildProducts, productGroups } from './product-graph.ts';
import { BODY_IO, buildHead, buildStage, type GraphSettings, HEAD_IO, stageCount } from './qwen2-graph.ts';
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

/** Of a graph and its branches. */
function initializers({ initializer, node }: GraphProto): readonly TensorProto[] {
  const branches = node.flatMap(({ attribute }) => attribute.flatMap(({ g }) => g ?? []));
  return [...initializer, ...branches.flatMap(initializers)];
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
    const settings = { operators: FP32_OPERATORS, sliceBytes: 2 ** 15 };
    const groups = productGroups(checkpoint, 2, 2 ** 15);
    const products = [0, 1].map((thread) => buildProducts(checkpoint, groups, thread, FP32_OPERATORS));
    const stages = Array.from({ length: stageCount(checkpoint) }, (_, stage) =>
      buildStage(stage, checkpoint, settings, new Set()),
    );
    const used = new Set<string>();
    for (const bytes of [...products, ...stages, buildHead(checkpoint, settings)]) {
      for (const tensor of initializers(fromBinary(ModelProtoSchema, bytes).graph!)) {
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

describe('matrices cut into slices', () => {
  const checkpoint = openCheckpoint(fixturePath('tiny-qwen2'));
  const { hiddenSize, vocabSize } = checkpoint.config;
  const whole = vocabSize * hiddenSize * 4;
  const settingsOf = (sliceBytes: number): GraphSettings => {
    return { operators: FP32_OPERATORS, sliceBytes };
  };
  const run = async (model: Uint8Array, feeds: Record<string, Tensor>, output: string): Promise<Float32Array> => {
    const session = await openSession(model, {
      dataFolder: externalDataFolder(checkpoint),
      threads: 2,
      weights: 'mapped',
    });
    const outputs = await runSession(session, feeds);
    await session.release();
    return outputs[output]!.data as Float32Array;
  };

  it('have every row once, in blocks of 64, as equal as these allow', () => {
    const { initializer } = fromBinary(ModelProtoSchema, buildHead(checkpoint, settingsOf(900 * hiddenSize * 4)))
      .graph!;
    expect(initializer.map(({ name }) => name).filter((name) => name.startsWith('lm_head'))).toEqual([
      'lm_head.weight[0:640]',
      'lm_head.weight[640:1344]',
      'lm_head.weight[1344:2048]',
    ]);
  });

  it('cover rows of a matrix, none larger than asked for or with a few rows only', () => {
    const sizes = fc.record({
      first: fc.nat({ max: 300 }),
      height: fc.integer({ min: 0, max: 5000 }),
      width: fc.integer({ min: 1, max: 20_000 }),
      sliceBytes: fc.integer({ min: 1, max: 2 ** 26 }),
    });
    fc.assert(
      fc.property(sizes, ({ first, height, width, sliceBytes }) => {
        const slices = rowSlices(first, first + height, width, sliceBytes);
        expect([first, ...slices.map(([, end]) => end)]).toEqual([...slices.map(([start]) => start), first + height]);
        for (const [start, end] of slices) {
          expect(end - start).toBeGreaterThanOrEqual(Math.min(height, 32));
          // A block of 64 rows and a tail of 32 are not cut.
          if (end - start > 96) expect((end - start - 32) * width * 4).toBeLessThanOrEqual(sliceBytes);
        }
      }),
    );
  });

  it('give the logits of a whole head', async () => {
    const hidden = new Tensor('float32', checkpoint.readRows('model.embed_tokens.weight', 40, 3), [3, hiddenSize]);
    const logitsOf = (sliceBytes: number): Promise<Float32Array> => {
      return run(buildHead(checkpoint, settingsOf(sliceBytes)), { hidden }, HEAD_IO.logits);
    };
    const logits = await logitsOf(whole);
    expect(new Set(logits).size).toBeGreaterThan(vocabSize);
    expect(await logitsOf(whole / 3)).toEqual(logits);
  });

  it('give what a stage of whole ones gives, but for where the bias is added', async () => {
    const rows = 40;
    const tokenIds = BigInt64Array.from({ length: rows }, (_, i) => BigInt(7 * i));
    const { headDim, queryHeads } = checkpoint.config;
    const { cos, sin } = rotaryTables(rotaryFrequencies(checkpoint.config), 0, rows);
    const angles = [1, rows, headDim / 2];
    const hidden = checkpoint.readRows('model.embed_tokens.weight', 40, rows);
    const mixed = checkpoint.readRows('model.layers.0.self_attn.o_proj.weight', 0, rows);
    const feeds = {
      [BODY_IO.stage]: new Tensor('int64', BigInt64Array.of(1n), []),
      [BODY_IO.tokenIds]: new Tensor('int64', tokenIds, [rows]),
      [BODY_IO.cos]: new Tensor('float32', cos, angles),
      [BODY_IO.sin]: new Tensor('float32', sin, angles),
      [BODY_IO.hiddenIn]: new Tensor('float32', hidden, [rows, hiddenSize]),
      [BODY_IO.mixed]: new Tensor('float32', mixed, [rows, queryHeads * headDim]),
    };
    const graphOf = (sliceBytes: number): Uint8Array => buildStage(1, checkpoint, settingsOf(sliceBytes), new Set());
    const gemms = (model: Uint8Array): number => {
      return fromBinary(ModelProtoSchema, model).graph!.node.filter(({ opType }) => opType === 'Gemm').length;
    };
    expect(gemms(graphOf(whole))).toBe(7);
    expect(gemms(graphOf(1))).toBe(2 + 1 + 1 + 2 + 6 + 6 + 2);
    for (const output of [BODY_IO.hidden, BODY_IO.queries]) {
      const uncut = await run(graphOf(whole), feeds, output);
      const sliced = await run(graphOf(1), feeds, output);
      expect(maxDistance(sliced, uncut)).toBeLessThanOrEqual(rangeTolerance(uncut));
    }
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
