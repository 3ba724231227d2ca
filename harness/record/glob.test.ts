// Patterns of names: `*` is any text, everything else itself.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesGlob } from './glob.ts';

describe('matchesGlob', () => {
  it.each([
    ['general_weights-1_batch', 'general_weights-1_batch', true],
    ['general', 'general_weights-1_batch', false],
    ['general*', 'general_weights-1_batch', true],
    ['*batch', 'general_weights-1_batch', true],
    ['g*w*b*', 'general_weights-1_batch', true],
    ['*', '', true],
    ['a*a', 'a', false],
    ['a*b*a', 'aba', true],
    ['a*ba*a', 'aba', false],
    ['n150:*=BFP4_B*', 'n150:mlpFormat=BFP4_B,tier=exact', true],
    ['a.c', 'abc', false],
    ['A', 'a', false],
  ])('%s and %s: %s', (pattern, name, isFit) => {
    expect(matchesGlob(pattern, name)).toBe(isFit);
  });

  it('says what a regular expression would say', () => {
    const text = fc.stringMatching(/^[ab*]{0,8}$/);
    fc.assert(
      fc.property(text, text, (pattern, name) => {
        expect(matchesGlob(pattern, name)).toBe(new RegExp(`^${pattern.replaceAll('*', '[^]*')}$`).test(name));
      }),
    );
  });

  it('takes no time for many stars', () => {
    expect(matchesGlob(`${'*a'.repeat(200)}b`, 'a'.repeat(5000))).toBe(false);
  });
});
