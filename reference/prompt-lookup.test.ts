// Guesses from a text's own repetitions: the longest ending counts, then the latest; others that may come, each once.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lookUpNext } from './prompt-lookup.ts';

describe('a guess', () => {
  it.each([
    { text: [], length: 4, count: 4, chain: [], others: [] },
    { text: [7], length: 4, count: 4, chain: [], others: [7] },
    { text: [1, 2, 3], length: 4, count: 4, chain: [], others: [3, 2, 1] },
    { text: [1, 2, 3], length: 1, count: 2, chain: [], others: [3, 2] },
    { text: [1, 2, 9, 1], length: 2, count: 2, chain: [2, 9], others: [] },
    { text: [1, 2, 9, 1], length: 2, count: 4, chain: [2, 9], others: [1, 9] },
    { text: [1, 2, 9, 1], length: 0, count: 0, chain: [], others: [] },
    // Of two places the one with the longer ending, of two endings as long the later place; then what followed the other ones.
    { text: [5, 1, 2, 8, 9, 2, 7, 1, 2], length: 1, count: 2, chain: [8], others: [7] },
    { text: [1, 2, 8, 1, 2, 7, 1, 2], length: 1, count: 3, chain: [7], others: [8, 2] },
  ])('after $text is $chain, of $count tokens, or one of $others', ({ text, length, count, chain, others }) => {
    expect(lookUpNext(text, length, count)).toEqual({ chain, others });
  });

  it('goes on with a repetition beyond the end of the text', () => {
    expect(lookUpNext([4, 1, 2, 3, 1, 2, 3], 7, 7).chain).toEqual([1, 2, 3, 1, 2, 3, 1]);
    expect(lookUpNext([8, 8], 3, 3)).toEqual({ chain: [8, 8, 8], others: [] });
  });

  const text = fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 40 });
  const count = fc.integer({ min: 1, max: 6 });

  it('is what followed an earlier place of the same ending', () => {
    fc.assert(
      fc.property(text, count, (ids, length) => {
        const { chain } = lookUpNext(ids, length, length);
        const ending = (of: number, end: number): string => ids.slice(end - of, end).join();
        const placesOf = (of: number): number[] =>
          Array.from(ids, (_, end) => end).filter((end) => end >= of && ending(of, end) === ending(of, ids.length));
        const longest = [3, 2, 1].find((of) => placesOf(of).length > 0);
        if (longest === undefined) {
          expect(chain).toEqual([]);
          return;
        }
        const whole = [...ids, ...chain];
        const place = placesOf(longest).at(-1)!;
        expect(chain).toEqual(Array.from({ length }, (_, i) => whole[place + i]));
      }),
    );
  });

  it('names other tokens of the text, each once and none that begins the chain, as many as are asked for or there are', () => {
    fc.assert(
      fc.property(text, count, count, (ids, length, more) => {
        const { chain, others } = lookUpNext(ids, length, length + more);
        const asked = chain.length === 0 ? length + more : more;
        const different = new Set(ids).size - Math.min(1, chain.length);
        expect(others).toHaveLength(Math.min(asked, different));
        expect(new Set([...others, ...chain.slice(0, 1)]).size).toBe(others.length + Math.min(1, chain.length));
        for (const id of others) expect(ids).toContain(id);
      }),
    );
  });
});
