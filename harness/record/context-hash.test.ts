// Hashes of contexts: equal exactly while both sides were fed the same tokens at the same positions.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ContextChain, EMPTY_CONTEXT, extendContextHash, HashedContext } from './context-hash.ts';

const pair = (golden: number, actual = golden) => ({ golden, actual });
const chainOf = (...fed: readonly [position: number, golden: number, actual: number][]): ContextChain => {
  const chain = new ContextChain();
  for (const [position, golden, actual] of fed) chain.extend(pair(position), pair(golden, actual));
  return chain;
};

describe('extendContextHash', () => {
  it('is 16 hex digits of sha256 over hash, position and token, as the description of the log says', () => {
    const digest = createHash('sha256').update('c0ffee;12;7').digest('hex');
    expect(extendContextHash('c0ffee', 12, 7)).toBe(digest.slice(0, 16));
  });

  it('tells neighbouring numbers apart', () => {
    expect(extendContextHash('', 1, 23)).not.toBe(extendContextHash('', 12, 3));
  });
});

describe('a chain', () => {
  it('begins empty on both sides and stays equal while both are fed the same', () => {
    expect(new ContextChain().hashes).toEqual({ golden: EMPTY_CONTEXT, actual: EMPTY_CONTEXT });
    const { golden, actual } = chainOf([0, 7, 7], [1, 8, 8]).hashes;
    expect(golden).toBe(extendContextHash(extendContextHash('', 0, 7), 1, 8));
    expect(actual).toBe(golden);
  });

  it('parts at another token and never meets again', () => {
    const { golden, actual } = chainOf([0, 7, 8], [1, 9, 9]).hashes;
    expect(golden).toBe(extendContextHash(extendContextHash('', 0, 7), 1, 9));
    expect(actual).toBe(extendContextHash(extendContextHash('', 0, 8), 1, 9));
  });

  it('parts at another position of the same token', () => {
    const chain = new ContextChain();
    chain.extend(pair(3, 4), pair(7));
    expect(chain.hashes).toEqual({ golden: extendContextHash('', 3, 7), actual: extendContextHash('', 4, 7) });
  });

  it('holds tokens that have no row to judge', () => {
    const chain = new ContextChain();
    chain.extendUnjudged(0, 7);
    expect(chain.hashes).toEqual(chainOf([0, 7, 7]).hashes);
  });

  it('has the hashes that it has alone where it shares its start with others, of the same tokens or not', () => {
    const start = new HashedContext();
    const texts = [[1, 2, 3], [1, 2, 3], [1, 9, 3], [1, 2, 3], []];
    // Token by token in turn, as prompts that run together are fed.
    const shared = texts.map((tokens) => ({ tokens, chain: new ContextChain(start) }));
    for (let position = 0; position < 3; position++) {
      for (const { tokens, chain } of shared) {
        const token = tokens[position];
        if (token !== undefined) chain.extend(pair(position), pair(token));
      }
    }
    const alone = texts.map(
      (tokens) => chainOf(...tokens.map((token, i) => [i, token, token] as [number, number, number])).hashes,
    );
    expect(shared.map(({ chain }) => chain.hashes)).toEqual(alone);
  });

  it('hashes a context once for all that share its start', () => {
    const start = new HashedContext();
    expect(start.extend(0, 7).extend(1, 8)).toBe(start.extend(0, 7).extend(1, 8));
    expect(start.extend(0, 6)).not.toBe(start.extend(0, 7));
  });
});
