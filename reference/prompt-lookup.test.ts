// Guesses from a text's own repetitions: the longest ending counts, then the latest; nothing new is guessed at.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lookUpNext } from './prompt-lookup.ts';

describe('a guess', () => {
  it.each([
    { text: [], count: 4, guess: [] },
    { text: [7], count: 4, guess: [] },
    { text: [1, 2, 3], count: 4, guess: [] },
    { text: [1, 2, 9, 1], count: 2, guess: [2, 9] },
    { text: [1, 2, 9, 1], count: 0, guess: [] },
    // Of two places the one with the longer ending, of two endings as long the later place.
    { text: [5, 1, 2, 8, 9, 2, 7, 1, 2], count: 1, guess: [8] },
    { text: [1, 2, 8, 1, 2, 7, 1, 2], count: 1, guess: [7] },
  ])('after $text is $guess', ({ text, count, guess }) => {
    expect(lookUpNext(text, count)).toEqual(guess);
  });

  it('goes on with a repetition beyond the end of the text', () => {
    expect(lookUpNext([4, 1, 2, 3, 1, 2, 3], 7)).toEqual([1, 2, 3, 1, 2, 3, 1]);
    expect(lookUpNext([8, 8], 3)).toEqual([8, 8, 8]);
  });

  it('is what followed an earlier place of the same ending', () => {
    const text = fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 6 }), (ids, count) => {
        const guess = lookUpNext(ids, count);
        const ending = (length: number, end: number): string => ids.slice(end - length, end).join();
        const placesOf = (length: number): number[] =>
          Array.from(ids, (_, end) => end).filter(
            (end) => end >= length && ending(length, end) === ending(length, ids.length),
          );
        const longest = [3, 2, 1].find((length) => placesOf(length).length > 0);
        if (longest === undefined) {
          expect(guess).toEqual([]);
          return;
        }
        const whole = [...ids, ...guess];
        const place = placesOf(longest).at(-1)!;
        expect(guess).toEqual(Array.from({ length: count }, (_, i) => whole[place + i]));
      }),
    );
  });
});
