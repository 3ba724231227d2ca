// The random numbers against the published sequence, and that indices are even and in range.
import { describe, expect, it } from 'vitest';
import { drawIndex, randomFromSeed, randomFromState } from './seeded-random.ts';

describe('randomFromState', () => {
  it('gives the sequence that rand_xoshiro tests for the state 1, 2, 3, 4', () => {
    const random = randomFromState([1, 2, 3, 4]);
    expect(Array.from({ length: 10 }, random)).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });
});

describe('randomFromSeed', () => {
  it('repeats itself, and differs between seeds', () => {
    const sequence = (seed: number): number[] => Array.from({ length: 5 }, randomFromSeed(seed));
    expect(sequence(7)).toEqual(sequence(7));
    expect(sequence(7)).not.toEqual(sequence(8));
    expect(sequence(0)).not.toContain(0);
  });
});

describe('drawIndex', () => {
  it('draws every index about as often', () => {
    const random = randomFromSeed(1);
    const counts = new Array<number>(7).fill(0);
    for (let draw = 0; draw < 70_000; draw++) counts[drawIndex(random, 7)]!++;
    // Standard deviation 93.
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400);
  });
});
