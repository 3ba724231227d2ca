// Products on several threads: the bits of one thread, whatever the sharing; a thread that fails is a fault of the reference.
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../src/checkpoint/weights.ts';
import { fixturePath } from './golden-cases.fixture.ts';
import { Tensor } from './graph/onnx-runtime.ts';
import { layerProducts, productGroups, shareWidth } from './graph/product-graph.ts';
import { createReference } from './onnx-reference.ts';
import { OPERATORS } from './open-runners.ts';
import { ProductLanes } from './product-lanes.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-lanes-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const checkpoint = openCheckpoint(fixturePath('tiny-qwen2'));
/** Several slices of most matrices, one of the narrow ones. */
const SLICE_BYTES = 2 ** 15;

describe.each(['tiny-qwen2', 'golden-hf/quirk-tied-own-head', 'golden-hf/quirk-headdim-f32'])(
  'slices of %s',
  (name) => {
    const checkpoint = openCheckpoint(fixturePath(name));

    it('are each at one thread, in order, and give every thread its part, but for a block of rows', () => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 12, max: 20 }), (threads, bits) => {
          for (const { widths, shares } of productGroups(checkpoint, threads, 2 ** bits)) {
            const all = widths.reduce((sum, width) => sum + width, 0);
            for (const share of shares)
              expect(Math.abs(shareWidth(share) - all / threads)).toBeLessThanOrEqual(64 + 32);
            widths.forEach((width, product) => {
              const slices = shares.flatMap((share) => share[product]!);
              expect([0, ...slices.map(([, end]) => end)]).toEqual([...slices.map(([first]) => first), width]);
            });
          }
        }),
        { numRuns: 40 },
      );
    });
  },
);

describe.each(['fp32', 'bf16'] as const)('products in %s', (precision) => {
  it('have the same bits on 1, 2, 3 and 7 threads', async () => {
    const { attention, gateAndUp } = layerProducts('model.layers.3');
    const { hiddenSize } = checkpoint.config;
    const madeOn = async (threads: number): Promise<string[]> => {
      const lanes = await ProductLanes.open(checkpoint, OPERATORS[precision], threads, SLICE_BYTES);
      const made: string[] = [];
      for (const rows of [1, 37, 16]) {
        const x = checkpoint.readRows('model.embed_tokens.weight', 11 * rows, rows);
        for (const group of [attention, gateAndUp, [{ weight: checkpoint.lmHeadName }]]) {
          const tensors = await lanes.multiply(new Tensor('float32', x, [rows, hiddenSize]), group);
          made.push(
            ...tensors.map(({ data }) =>
              createHash('sha256')
                .update(data as Float32Array)
                .digest('hex'),
            ),
          );
        }
      }
      await lanes.release();
      return made;
    };
    const alone = await madeOn(1);
    expect(new Set(alone).size).toBe(3 * (3 + 2 + 1));
    for (const threads of [2, 3, 7]) expect(await madeOn(threads)).toEqual(alone);
  });
});

describe('a thread that cannot go on', () => {
  it('is a fault of the reference when it opens, with what the runtime says; the others end', async () => {
    const folder = path.join(scratch, 'cut');
    cpSync(fixturePath('golden-hf/quirk-config-v5'), folder, { recursive: true });
    const cut = openCheckpoint(folder);
    truncateSync(path.join(folder, 'model.safetensors'), 100_000);
    const opened = createReference(cut, { precision: 'fp32', weights: 'mapped', threads: 3 });
    await expect(opened).rejects.toMatchObject({
      code: 'REFERENCE_RUNTIME',
      facts: { found: expect.stringMatching(/\S/) },
    });
  });

  it('is one when it multiplies, and the next product is right', async () => {
    const lanes = await ProductLanes.open(checkpoint, OPERATORS.fp32, 3, SLICE_BYTES);
    const { output } = layerProducts('model.layers.0');
    const { queryHeads, headDim } = checkpoint.config;
    const wrong = new Tensor('float32', new Float32Array(14), [2, 7]);
    await expect(lanes.multiply(wrong, output)).rejects.toMatchObject({ code: 'REFERENCE_RUNTIME' });
    const width = queryHeads * headDim;
    const [made] = await lanes.multiply(new Tensor('float32', new Float32Array(2 * width).fill(1), [2, width]), output);
    expect(made!.data[0]).toBeCloseTo(
      checkpoint.readRows(output[0]!.weight, 0, 1).reduce((sum, w) => sum + w, 0),
      4,
    );
    await lanes.release();
  });
});
