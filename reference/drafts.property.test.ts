// The law of drafts: rows of tokens that were guessed have the bits of rows that were not, in whatever order tokens come and are taken back.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { TapName } from '../src/device/logits-source.ts';
import { InferenceSession } from './graph/onnx-runtime.ts';
import { HEAD_IO } from './graph/qwen2-graph.ts';
import type { Tensors } from './graph/session.ts';
import type { Reference } from './onnx-reference.ts';
import { openingReferences } from './open-reference.fixture.ts';

const TAP: TapName = 'layers.1.mlp.out';
const reference = openingReferences({ threads: 2, taps: [TAP], chunk: 5 });

type Step =
  | { readonly feed: readonly number[]; readonly rows: 'all' | 'last' | 'none'; readonly withTap: boolean }
  | { readonly truncate: number };

/** Few different tokens, so that endings come back: guesses are right and wrong. */
const token = fc.integer({ min: 0, max: 2 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({ feed: fc.tuple(token), rows: fc.constant('all'), withTap: fc.constant(false) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        feed: fc.array(token, { maxLength: 9 }),
        rows: fc.constantFrom('all', 'last', 'none'),
        withTap: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.record({ truncate: fc.nat({ max: 30 }) }) },
  ) as fc.Arbitrary<Step>,
  { minLength: 4, maxLength: 30 },
);

async function rowsOf(source: Reference, all: readonly Step[]): Promise<string[]> {
  await source.truncate(0);
  const rows: string[] = [];
  for (const step of all) {
    if ('truncate' in step) await source.truncate(step.truncate);
    else {
      const want = { rows: step.rows, taps: step.withTap ? [TAP] : [] };
      await source.feed(Int32Array.from(step.feed), want, ({ position, tokenId, logits, taps }) => {
        const digest = createHash('sha256');
        for (const values of [logits, ...taps.values()]) digest.update(values);
        rows.push(`${position} ${tokenId} ${taps.size} ${digest.digest('hex')}`);
      });
    }
    rows.push(`length ${source.length}`);
  }
  return rows;
}

describe.each([
  { name: 'golden-hf/quirk-headdim-f32', weights: 'mapped', guesses: 15 },
  { name: 'golden-hf/quirk-headdim-f32', weights: 'resident', guesses: 3 },
  { name: 'golden-hf/quirk-headdim-f32', weights: 'streamed', guesses: 1 },
  { name: 'golden-hf/quirk-tied-f16', weights: 'mapped', guesses: 7, precision: 'bf16' },
] as const)('a sequence of $name ($weights, $guesses guesses)', ({ name, ...options }) => {
  it('has the rows that it has without drafts, alone and beside another', async () => {
    const [drafted, plain] = [await reference(name, options), await reference(name, { ...options, guesses: 0 })];
    const beside = drafted.sequence();
    await fc.assert(
      fc.asyncProperty(steps, steps, async (first, second) => {
        const expected = [await rowsOf(plain, first), await rowsOf(plain, second)];
        expect(await rowsOf(drafted, first)).toEqual(expected[0]);
        expect(await Promise.all([rowsOf(drafted, first), rowsOf(beside, second)])).toEqual(expected);
      }),
      { numRuns: 12 },
    );
  });
});

describe('a text that repeats itself', () => {
  it('takes 7 passes for 40 tokens: two guesses at most go along at first, then fifteen that follow one another', async () => {
    const source = await reference('golden-hf/quirk-headdim-f32', { weights: 'resident', threads: 1 });
    // Its types know the factory only.
    const { prototype } = InferenceSession as unknown as { readonly prototype: InferenceSession };
    const run = vi.spyOn(prototype, 'run');
    for (let i = 0; i < 40; i++) await source.feed(Int32Array.of([3, 1, 4][i % 3]!), { rows: 'all' }, () => undefined);
    // The head runs once a pass.
    const heads = run.mock.calls.filter(([feeds]) => Object.keys(feeds).join() === HEAD_IO.hidden);
    run.mockRestore();
    const rows = heads.map(([feeds]) => (feeds as Tensors)[HEAD_IO.hidden]!.dims[0]);
    expect(rows).toEqual([2, 3, 3, 3, 16, 16, 16]);
  });
});
