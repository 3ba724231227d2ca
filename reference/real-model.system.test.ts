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
import { createReference, type Reference, type ReferenceOptions } from './onnx-reference.ts';

const VARIABLE = 'QWEN_PCC_SMOLLM2_DIR';
const folder = process.env[VARIABLE] ?? '';
const isThere = folder !== '' && existsSync(join(folder, 'config.json'));
const reason = isThere ? '' : ` [not run: ${VARIABLE} names no checkpoint folder, see fixtures/golden-real/README.md]`;

describe.skipIf(!isThere)(`the reference on SmolLM2-135M as a Qwen2 checkpoint${reason}`, () => {
  const golden = readGoldenCase('golden-real/smollm2-0');
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

  it.each(['resident', 'mapped'] as const)('is as near to float64 as float32 comes, weights %s', async (weights) => {
    await open({ weights });
    const ways = [];
    for (const piece of [golden.tokenIds.length, 7, 1]) ways.push(await feedInPieces(source, golden, piece));
    for (const logits of ways) {
      expect(maxDistance(logits, golden.truth)).toBeLessThanOrEqual(golden.tolerance);
      expect(maxDistance(logits, ways[0]!)).toBeLessThanOrEqual(golden.tolerance);
      expect(wrongArgmaxRows(logits, golden)).toEqual([]);
    }
  });

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
    // fixtures/golden-real/README.md: 24,929 from layer 12 on.
    expect(largest).toBeGreaterThan(20_000);
    expect(largest).toBeLessThan(30_000);
  });

  it('answers as Transformers does', async () => {
    await open();
    expect(await source.greedyContinuation(prompt, greedy.length + 10)).toEqual(greedy);
  });

  it('errs in bf16 as much as Transformers in bfloat16 does', async () => {
    await open({ precision: 'bf16' });
    const logits = await feedInPieces(source, golden, golden.tokenIds.length);
    const ratio = rmsDistance(logits, golden.truth) / rmsDistance(golden.tensor('logits_bf16'), golden.truth);
    expect(ratio).toBeGreaterThan(0.5);
    expect(ratio).toBeLessThan(2);
  });
});
