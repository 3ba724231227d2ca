// Whether a checkpoint is a variant of a base at all, in memory: shapes, tokens, and one norm that is the same.
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { FIXTURES } from '../../src/checkpoint/checkpoint.fixture.ts';
import { openCheckpoint } from '../../src/checkpoint/weights.ts';
import { loadTokenizer, type Tokenizer } from '../../src/text/tokenizer.ts';
import { requireVariantOf } from './variant-of-base.ts';
import { isProjection, smallBase, variantOf } from './weights/planted.fixture.ts';

const checkpoint = smallBase();
const tokenizer = loadTokenizer(path.join(FIXTURES, 'tiny-qwen2'));
const base = { checkpoint, tokenizer };
const isNorm = (name: string): boolean => name.endsWith('norm.weight');
const scaled = (by: number, which: (name: string) => boolean) =>
  variantOf(checkpoint, which, (values) => values.map((value) => by * value));
/** Ids from `from` on are other texts. */
const renamed = (from: number, vocabSize = tokenizer.vocabSize): Tokenizer =>
  ({
    sha256: 'other',
    vocabSize,
    tokenText: (id: number) => (id < from ? tokenizer.tokenText(id) : `other ${id}`),
  }) as Tokenizer;

describe('a variant', () => {
  it.each([
    { what: 'itself', variant: base },
    { what: 'other projections', variant: { checkpoint: scaled(1.5, isProjection), tokenizer } },
    {
      what: 'all norms but one changed',
      variant: { checkpoint: scaled(2, (name) => isNorm(name) && name !== 'model.norm.weight'), tokenizer },
    },
    // Half a bfloat16 step at most: the base rounded.
    { what: 'norms that round to the same', variant: { checkpoint: scaled(1 + 2 ** -12, isNorm), tokenizer } },
    { what: 'no tokenizer', variant: { checkpoint, tokenizer: undefined } },
    {
      what: 'a tokenizer of other bytes and the same texts',
      variant: { checkpoint, tokenizer: renamed(tokenizer.vocabSize) },
    },
    {
      what: 'a tokenizer with more ids',
      variant: { checkpoint, tokenizer: renamed(tokenizer.vocabSize, tokenizer.vocabSize + 9) },
    },
  ])('may have $what', ({ variant }) => {
    expect(() => requireVariantOf(base, variant)).not.toThrow();
  });

  it.each([
    {
      what: 'other norms',
      variant: { checkpoint: scaled(1.5, isNorm), tokenizer },
      says: /none of its norms has the values/,
    },
    {
      what: 'another layer count',
      variant: { checkpoint: { ...checkpoint, name: 'v', config: { ...checkpoint.config, layers: 2 } }, tokenizer },
      says: /v is not a variant of .*: its layers differs/,
    },
    {
      what: 'other texts of an id',
      variant: { checkpoint, tokenizer: renamed(100) },
      says: /its tokenizer gives ids to other texts[\s\S]*/,
    },
  ])('may not have $what', ({ variant, says }) => {
    const refused = expect.objectContaining({ code: 'NOT_A_VARIANT', message: expect.stringMatching(says) });
    expect(() => requireVariantOf(base, variant)).toThrow(refused);
  });

  it('is told which id is another text', () => {
    const facts = { found: 'id 100 is "other 100"', wanted: expect.stringMatching(/^id 100 is "/) };
    expect(() => requireVariantOf(base, { checkpoint, tokenizer: renamed(100) })).toThrow(
      expect.objectContaining({ facts }),
    );
  });

  it('in a format of its own is one: its norms are stored plainly', () => {
    const [tiny, gguf] = ['tiny-qwen2', 'quantised/gguf/tiny-qwen2.gguf'].map((name) =>
      openCheckpoint(path.join(FIXTURES, name)),
    );
    expect(() => requireVariantOf({ checkpoint: tiny!, tokenizer }, { checkpoint: gguf!, tokenizer })).not.toThrow();
  });
});
