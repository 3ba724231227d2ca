// The reference on real checkpoints that are too big to ship: within float32 of Transformers' float64, layer by layer.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../src/checkpoint/weights.ts';
import type { TapName } from '../src/device/logits-source.ts';
import {
  feedInPieces,
  maxDistance,
  rangeTolerance,
  readGoldenCase,
  rmsDistance,
  wrongArgmaxRows,
} from './golden-cases.fixture.ts';
import { createReference, type Reference } from './onnx-reference.ts';
import type { ReferenceOptions } from './reference-options.ts';

interface RealModel {
  readonly model: string;
  /** Names the checkpoint's folder. */
  readonly variable: string;
  readonly golden: string;
  /** Largest value of the first position's residual stream after layer 20, roughly: a massive activation. */
  readonly massive: number;
  /** Whether Transformers' answer ends by itself, not at the number of tokens that it was asked for. */
  readonly answerEnds: boolean;
}

const SMOLLM2: RealModel = {
  model: 'SmolLM2-135M as a Qwen2 checkpoint',
  variable: 'QWEN_PCC_SMOLLM2_DIR',
  golden: 'golden-real/smollm2-0',
  massive: 24_929,
  answerEnds: true,
};

const CODER: RealModel = {
  model: 'Qwen2.5-Coder-0.5B-Instruct',
  variable: 'QWEN_PCC_CODER_DIR',
  golden: 'golden-real/qwen25-coder-0',
  massive: 2160,
  answerEnds: false,
};

for (const { model, variable, golden: goldenFile, massive, answerEnds } of [SMOLLM2, CODER]) {
  const folder = process.env[variable] ?? '';
  const isThere = folder !== '' && existsSync(join(folder, 'config.json'));
  const reason = isThere
    ? ''
    : ` [not run: ${variable} names no checkpoint folder, see fixtures/golden-real/README.md]`;

  describe.skipIf(!isThere)(`the reference on ${model}${reason}`, () => {
    const golden = readGoldenCase(goldenFile);
    const greedy = golden.greedy();
    const prompt = golden.tokenIds.subarray(0, golden.tokenIds.length - greedy.length);
    let source: Reference;

    async function open(options: Partial<ReferenceOptions> = {}): Promise<Reference> {
      source = await createReference(openCheckpoint(folder), { precision: 'fp32', ...options });
      return source;
    }

    afterEach(async () => {
      await source.close();
    });

    it.each(['resident', 'mapped'] as const)(
      'is as near to float64 as float32 comes, with the same bits in all pieces, weights %s',
      async (weights) => {
        await open({ weights });
        const ways = [];
        for (const piece of [golden.tokenIds.length, 7, 1]) ways.push(await feedInPieces(source, golden, piece));
        for (const logits of ways) {
          expect(maxDistance(logits, golden.truth)).toBeLessThanOrEqual(golden.tolerance);
          expect(Buffer.from(logits.buffer).equals(Buffer.from(ways[0]!.buffer))).toBe(true);
          expect(wrongArgmaxRows(logits, golden)).toEqual([]);
        }
      },
    );

    it.each(['resident', 'mapped'] as const)(
      'has not another bit where tokens are guessed, weights %s',
      async (weights) => {
        const rowsWith = async (guesses: number): Promise<string[]> => {
          await open({ weights, guesses });
          const rows: string[] = [];
          // Words of the prompt that come back: a part of it twice, token by token.
          for (const id of [...prompt.subarray(0, 12), ...prompt.subarray(0, 12)]) {
            await source.feed(Int32Array.of(id), { rows: 'all' }, ({ logits }) => {
              rows.push(createHash('sha256').update(logits).digest('hex'));
            });
          }
          await source.close();
          return rows;
        };
        const plain = await rowsWith(0);
        expect(await rowsWith(15)).toEqual(plain);
      },
    );

    it('has the hidden states of every layer', async () => {
      const { layers, hiddenSize } = openCheckpoint(folder).config;
      const outs = Array.from({ length: layers - 1 }, (_, layer): TapName => `layers.${layer}.out`);
      const taps: readonly TapName[] = ['embed_tokens.out', ...outs, 'norm.out'];
      const truth = golden.tensor('hidden_last');
      expect(truth).toHaveLength(taps.length * hiddenSize);
      const found = new Map<TapName, Float32Array>();
      await open({ taps });
      await source.feed(golden.tokenIds, { rows: 'last', taps }, (row) => {
        for (const [name, values] of row.taps) found.set(name, values.slice());
      });
      taps.forEach((name, k) => {
        const expected = truth.subarray(k * hiddenSize, (k + 1) * hiddenSize);
        expect(maxDistance(found.get(name)!, expected), name).toBeLessThanOrEqual(rangeTolerance(expected));
      });
    });

    it('holds the massive activations of the first position', async () => {
      await open({ taps: ['layers.20.out'] });
      let largest = 0;
      await source.feed(golden.tokenIds.subarray(0, 1), { rows: 'last', taps: ['layers.20.out'] }, ({ taps }) => {
        largest = Math.max(...taps.get('layers.20.out')!.map(Math.abs));
      });
      expect(largest).toBeGreaterThan(0.8 * massive);
      expect(largest).toBeLessThan(1.2 * massive);
    });

    it('answers as Transformers does', async () => {
      await open();
      expect(await source.greedyContinuation(prompt, greedy.length + (answerEnds ? 10 : 0))).toEqual(greedy);
    });

    it('errs in bf16 as much as Transformers in bfloat16 does', async () => {
      await open({ precision: 'bf16' });
      const logits = await feedInPieces(source, golden, golden.tokenIds.length);
      const ratio = rmsDistance(logits, golden.truth) / rmsDistance(golden.tensor('logits_bf16'), golden.truth);
      expect(ratio).toBeGreaterThan(0.5);
      expect(ratio).toBeLessThan(2);
    });
  });
}
