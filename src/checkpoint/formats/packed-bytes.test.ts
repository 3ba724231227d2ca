// What was used last is kept, what was not is made again.
import { describe, expect, it } from 'vitest';
import { recentlyUsed } from './packed-bytes.ts';

describe('recentlyUsed', () => {
  it('makes a value once while it is among those that were used last', () => {
    const made: string[] = [];
    const value = recentlyUsed((key: string) => {
      made.push(key);
      return key.toUpperCase();
    }, 2);
    expect(['a', 'b', 'a', 'c', 'a', 'b'].map(value)).toEqual(['A', 'B', 'A', 'C', 'A', 'B']);
    // b was used before a when c came.
    expect(made).toEqual(['a', 'b', 'c', 'b']);
  });

  it('keeps nothing of what fails', () => {
    let fails = true;
    const value = recentlyUsed((key: string) => {
      if (fails) throw new Error(key);
      return key;
    });
    expect(() => value('a')).toThrow('a');
    fails = false;
    expect(value('a')).toBe('a');
  });
});
