// The law of the cache: whatever way positions were written, it holds the last that was written to each, as one block or head by head.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Tensor } from './graph/onnx-runtime.ts';
import { KvCache } from './kv-cache.ts';

const [HEADS, WIDTH] = [3, 2];

/** Of one position: a number for each element, keys positive, values negative. */
function rowOf(seed: number): { keys: Float32Array; values: Float32Array } {
  const keys = Float32Array.from({ length: HEADS * WIDTH }, (_, i) => seed * 10 + i + 1);
  return { keys, values: keys.map((value) => -value) };
}

/** [K, S, D] of the positions with these seeds. */
function blockOf(seeds: readonly number[], side: 'keys' | 'values'): number[] {
  return Array.from({ length: HEADS }, (_, head) =>
    seeds.flatMap((seed) => [...rowOf(seed)[side].subarray(head * WIDTH, (head + 1) * WIDTH)]),
  ).flat();
}

type Act = { readonly several: number } | 'one' | 'ahead' | { readonly keep: number };
const acts: fc.Arbitrary<Act[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constant('one' as const) },
    { weight: 2, arbitrary: fc.constant('ahead' as const) },
    { weight: 1, arbitrary: fc.record({ several: fc.integer({ min: 2, max: 70 }) }) },
    { weight: 1, arbitrary: fc.record({ keep: fc.nat({ max: 150 }) }) },
  ),
  { maxLength: 80 },
);

describe('keys and values', () => {
  it('are those that were written last, after any order of passes, guesses and cuts', () => {
    fc.assert(
      fc.property(acts, (all) => {
        const cache = new KvCache({ layers: 1, keyValueHeads: HEADS, headDim: WIDTH });
        let seeds: number[] = [];
        let seed = 0;
        for (const act of all) {
          if (act === 'one') {
            cache.write(0, seeds.length, rowOf(++seed));
            cache.grow(1);
            seeds.push(seed);
          } else if (act === 'ahead') {
            for (let i = 0; i < 3; i++) cache.write(0, seeds.length + i, rowOf(++seed));
          } else if ('keep' in act) {
            cache.truncate(act.keep);
            seeds = seeds.slice(0, act.keep);
          } else {
            expect([...(cache.of(0).keys.data as Float32Array)]).toEqual(blockOf(seeds, 'keys'));
            for (let i = 0; i < act.several; i++) seeds.push(++seed);
            const tensorOf = (side: 'keys' | 'values'): Tensor =>
              new Tensor('float32', Float32Array.from(blockOf(seeds, side)), [1, HEADS, seeds.length, WIDTH]);
            cache.replace(0, { keys: tensorOf('keys'), values: tensorOf('values') });
            cache.grow(act.several);
          }
          expect(cache.length).toBe(seeds.length);
          const heads = cache.headsOf(0, seeds.length);
          for (const side of ['keys', 'values'] as const) {
            expect(heads[side].flatMap(({ data }) => [...(data as Float32Array)])).toEqual(blockOf(seeds, side));
            expect([...(cache.of(0)[side].data as Float32Array)]).toEqual(blockOf(seeds, side));
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});
