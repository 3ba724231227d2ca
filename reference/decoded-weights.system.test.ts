// The reference on weights that a decoder gives: the logits of the same weights as plain files, held in memory or decoded at each use.
import { describe, expect, it } from 'vitest';
import { decodedCopy } from '../src/checkpoint/decoded-copy.fixture.ts';
import { type Checkpoint, openCheckpoint } from '../src/checkpoint/weights.ts';
import { residualTaps } from '../src/device/taps.ts';
import { fixturePath, maxDistance, rangeTolerance } from './golden-cases.fixture.ts';
import type { WeightMemory } from './graph/checkpoint-weights.ts';
import { createReference } from './onnx-reference.ts';
import type { Precision } from './reference-options.ts';

/** Within the smallest vocabulary of these. */
const PROMPT = Int32Array.from({ length: 37 }, (_, i) => (53 * i + 11) % 257);

interface Rows {
  readonly logits: Float32Array;
  readonly taps: Float32Array;
}

/** Logits and taps of all positions, fed in two passes and one by one, so that the cache takes part. */
async function rowsOf(checkpoint: Checkpoint, weights: WeightMemory, precision: Precision): Promise<Rows> {
  const names = residualTaps(checkpoint.config.layers);
  // One thread cuts the narrow matrices of either kind alike; bfloat16 would make much of a last bit.
  const threads = precision === 'bf16' ? 1 : 2;
  const reference = await createReference(checkpoint, { precision, weights, threads, taps: names });
  const logits: number[] = [];
  const taps: number[] = [];
  for (const part of [PROMPT.subarray(0, 20), PROMPT.subarray(20, 35), PROMPT.subarray(35, 36), PROMPT.subarray(36)]) {
    await reference.feed(part, { rows: 'all', taps: names }, (row) => {
      logits.push(...row.logits);
      for (const name of names) taps.push(...row.taps!.get(name)!);
    });
  }
  await reference.close();
  return { logits: Float32Array.from(logits), taps: Float32Array.from(taps) };
}

describe.each([
  { name: 'tiny-qwen2', decoded: 'all', isDecoded: () => true },
  {
    name: 'tiny-qwen2',
    decoded: 'down_proj and the head',
    isDecoded: (name: string) => /down_proj|lm_head/.test(name),
  },
  { name: 'golden-hf/quirk-tied-f16', decoded: 'all, the embedding being the head', isDecoded: () => true },
  { name: 'golden-hf/quirk-headdim-f32', decoded: 'all', isDecoded: () => true },
])('decoded weights of $name ($decoded)', ({ name, isDecoded }) => {
  const plain = openCheckpoint(fixturePath(name));
  const copy = decodedCopy(plain, isDecoded);

  it('in memory give every bit of the plain ones', async () => {
    const expected = await rowsOf(plain, 'resident', 'fp32');
    expect(await rowsOf(copy, 'resident', 'fp32')).toEqual(expected);
  });

  it.each(['fp32', 'bf16'] as const)(
    'decoded at each use give the plain ones within the bound, %s',
    async (precision) => {
      const expected = await rowsOf(plain, 'mapped', precision);
      const streamed = await rowsOf(copy, 'streamed', precision);
      for (const part of ['logits', 'taps'] as const) {
        const tolerance = precision === 'fp32' ? rangeTolerance(expected[part]) : 0;
        expect(maxDistance(streamed[part], expected[part])).toBeLessThanOrEqual(tolerance);
      }
    },
  );
});

describe('weights that are decoded at each use', () => {
  it('are never whole in memory', async () => {
    const copy = decodedCopy(openCheckpoint(fixturePath('tiny-qwen2')));
    await rowsOf(copy, 'streamed', 'fp32');
    expect(Math.max(...copy.decodedRows)).toBeLessThanOrEqual(copy.config.vocabSize);
    expect(copy.decodedRows.length).toBeGreaterThan(4 * 7 * copy.config.layers);
  });
});
