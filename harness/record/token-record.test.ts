// Words about tokens: phases by position, names of prompts, keys that no name can forge.
import { describe, expect, it } from 'vitest';
import { phaseOfPosition, promptLabel, sequenceId } from './token-record.ts';

describe('phaseOfPosition', () => {
  it('is prefill in the prompt, then one first decode, then decode', () => {
    expect([0, 4, 5, 6, 7].map((position) => phaseOfPosition(position, 5))).toEqual([
      'prefill',
      'prefill',
      'firstDecode',
      'decode',
      'decode',
    ]);
  });
});

describe('promptLabel', () => {
  it('has the row of a batch, but not of a prompt that is run alone', () => {
    expect(promptLabel({ prompt: 'sotu', user: 0 })).toBe('sotu');
    expect(promptLabel({ prompt: 'sotu', user: 3 })).toBe('sotu[3]');
  });
});

describe('sequenceId', () => {
  it('tells all four parts apart, whatever characters are in the names', () => {
    const key = { case: 'c', variant: 'v', prompt: 'p', user: 0 };
    const others = [
      key,
      { ...key, case: 'c"' },
      { ...key, case: 'c","v', variant: '' },
      { ...key, variant: 'v2' },
      { ...key, prompt: 'p2' },
      { ...key, user: 1 },
    ];
    expect(new Set(others.map(sequenceId)).size).toBe(others.length);
    expect(sequenceId({ ...key })).toBe(sequenceId(key));
  });
});
