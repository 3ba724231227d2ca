// The law of pieces: no bit of a golden row depends on how the text before it was fed, on the length of passes or on guesses.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Reference } from './onnx-reference.ts';
import { openingReferences } from './open-reference.fixture.ts';

const reference = openingReferences({});

/** Lengths of feeds: ones, and others. */
const pieces = fc.array(
  fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, { weight: 2, arbitrary: fc.integer({ min: 1, max: 120 }) }),
  { maxLength: 30 },
);

/** @param lengths - the rest is fed at once. @returns a digest for each position. */
async function rowsOf(source: Reference, tokenIds: Int32Array, lengths: readonly number[]): Promise<string[]> {
  await source.truncate(0);
  const rows: string[] = [];
  for (const length of [...lengths, tokenIds.length]) {
    await source.feed(tokenIds.subarray(rows.length, rows.length + length), { rows: 'all' }, ({ logits }) => {
      rows.push(createHash('sha256').update(logits).digest('hex'));
    });
  }
  return rows;
}

/** Of more positions than a block of rows, of a pass and of a product's K has; no power of two. */
describe.each([
  { name: 'tiny-qwen2', weights: 'resident', positions: 171, what: 'two query heads a key head' },
  { name: 'tiny-qwen2', weights: 'streamed', positions: 45, what: 'two query heads a key head' },
  { name: 'golden-hf/quirk-tied-f16', weights: 'mapped', positions: 141, what: 'seven query heads a key head' },
  { name: 'golden-hf/quirk-headdim-f32', weights: 'mapped', positions: 131, what: 'as many key heads' },
  { name: 'golden-hf/quirk-yarn', weights: 'resident', positions: 301, what: 'one head' },
] as const)('golden rows of $name, $weights, $what', ({ name, weights, positions }) => {
  it('are the same whole, in pieces and token by token, in long and short passes, with guesses and without', async () => {
    const whole = await reference(name, { weights, guesses: 0 });
    const others = [await reference(name, { weights, chunk: 7, guesses: 15 }), await reference(name, { weights })];
    const random = Int32Array.from({ length: positions }, (_, i) => (7919 * i + 13) % whole.vocabSize);
    const repeating = random.map((id, i) => (i % 40 < 25 ? i % 5 : id));
    for (const text of [random, repeating]) {
      const expected = await rowsOf(whole, text, []);
      const ones = Array.from(text, () => 1);
      for (const source of [whole, ...others]) expect(await rowsOf(source, text, ones)).toEqual(expected);
      await fc.assert(
        fc.asyncProperty(pieces, fc.constantFrom(...others), async (lengths, source) => {
          expect(await rowsOf(source, text, lengths)).toEqual(expected);
        }),
        { numRuns: 3 },
      );
    }
  });
});
