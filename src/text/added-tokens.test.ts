// Tokens in a text: the leftmost, of those the longest, whatever their length and whatever a regular expression means by them.
import { describe, expect, it } from 'vitest';
import { type AddedToken, createTokenFinder } from './added-tokens.ts';

function finderOf(...contents: readonly string[]): (text: string) => string[] {
  const tokens = contents.map((content, id): AddedToken => {
    const flags = { special: true, normalized: false, singleWord: false, lstrip: false, rstrip: false };
    return { content, id, idInFile: undefined, ...flags };
  });
  const find = createTokenFinder(tokens, ({ content }) => content);
  return (text) => find(text).map((part) => ('token' in part ? `[${part.token.content}]` : part.text));
}

describe('createTokenFinder', () => {
  it('takes the leftmost token, of those the longest, and goes on behind it', () => {
    expect(finderOf('ab', 'abc', 'cd')('xabcdab')).toEqual(['x', '[abc]', 'd', '[ab]']);
  });

  it('takes a shorter token where the longer one does not go on', () => {
    expect(finderOf('<|im_end|>', '<|im')('<|im_start|>')).toEqual(['[<|im]', '_start|>']);
  });

  it('reads characters of regular expressions as they are', () => {
    expect(finderOf('.*', '[a]', '\\')('x.*[a]\\a')).toEqual(['x', '[.*]', '[[a]]', '[\\]', 'a']);
  });

  it('finds no token inside a character beyond the first 65,536', () => {
    expect(finderOf('\udea2', '🚢')('a🚢b')).toEqual(['a', '[🚢]', 'b']);
    expect(finderOf('\udea2')('a🚢b')).toEqual(['a🚢b']);
  });

  it('finds a token of 100,000 characters, which no regular expression may have', () => {
    const long = 'a'.repeat(100_000);
    expect(finderOf(long)(`b${long}b`)).toEqual(['b', `[${long}]`, 'b']);
  });

  it('finds nothing where there are no tokens', () => {
    expect(finderOf()('text')).toEqual(['text']);
    expect(finderOf('a')('')).toEqual([]);
  });
});
