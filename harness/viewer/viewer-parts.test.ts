// The viewer without a browser: how a text stands in a line, what a search means, what numbers mean in words.
import { describe, expect, it } from 'vitest';
import type { Spine } from '../lens/lens-format.ts';
import { TOKEN_STATUSES } from '../record/token-record.ts';
import { parseQuery } from './search.ts';
import { shownTexts } from './token-text.ts';
import { gainWords, klWords, regretWords } from './words.ts';

describe('shownTexts', () => {
  it('shows the space that stands in one token with the first bytes of a character', () => {
    expect(shownTexts([' \\xF0\\x9F', '\\x8C\\x9F'])).toEqual([
      { text: '·F0 9F', kind: 'byte', endsLine: false },
      { text: '8C 9F', kind: 'byte', endsLine: false, joined: '🌟' },
    ]);
  });

  it('shows bytes as bytes, and the character where its last one comes', () => {
    expect(shownTexts(['\\xE5', '\\x9C', '\\xA8', 'x', '\\xE5'])).toEqual([
      { text: 'E5', kind: 'byte', endsLine: false },
      { text: '9C', kind: 'byte', endsLine: false },
      { text: 'A8', kind: 'byte', endsLine: false, joined: '在' },
      { text: 'x', kind: 'plain', endsLine: false },
      { text: 'E5', kind: 'byte', endsLine: false },
    ]);
  });

  it.each([
    { text: ' be', expected: { text: ' be', kind: 'plain', endsLine: false } },
    { text: '  ', expected: { text: '··', kind: 'space', endsLine: false } },
    { text: '\n', expected: { text: '⏎', kind: 'space', endsLine: true } },
    { text: 'a\n\tb', expected: { text: 'a⏎⇥b', kind: 'plain', endsLine: true } },
    { text: '\u0000', expected: { text: '\\u0000', kind: 'plain', endsLine: false } },
  ])('shows $expected.text', ({ text, expected }) => {
    expect(shownTexts([text])).toEqual([expected]);
  });
});

describe('parseQuery', () => {
  const spine = {
    position: Int32Array.of(0, 1, 2),
    token: Int32Array.of(5, 70, 5),
    status: Uint8Array.from(['pass', 'passNearTie', 'failRank'] as const, (one) => TOKEN_STATUSES.indexOf(one)),
    flip: Uint8Array.of(0, 2, 3),
    pccGap: Float32Array.of(0.01, 0.2, Number.NaN),
    kl: Float32Array.of(0.001, 0.2, 3),
    gain: Float32Array.of(1, 1, 1),
    rank: Int32Array.of(1, 2, 30),
    marginUlps: Float32Array.of(4, 0.5, 9),
    regret: Float32Array.of(0, 0.1, 2),
  } satisfies Spine;
  const textOf = (id: number): string => (id === 70 ? ' Fellow' : '5 o’clock');
  const found = (query: string): number[] => [0, 1, 2].filter((token) => parseQuery(query)?.(spine, token, textOf));

  it.each([
    { query: 'pcc<0.9', expected: [1] },
    { query: 'kl >= 0.3', expected: [2] },
    { query: 'kl>0.1', expected: [1, 2] },
    { query: 'rank>1', expected: [1, 2] },
    { query: 'regret>1e-1', expected: [1, 2] },
    { query: 'position=2', expected: [2] },
    { query: 'status:fail', expected: [2] },
    { query: 'status:failRank', expected: [2] },
    { query: 'flip:neartie', expected: [1] },
    { query: '70', expected: [1] },
    { query: 'fellow', expected: [1] },
    { query: 'kl>', expected: [] },
    { query: '  ', expected: [] },
  ])('$query', ({ query, expected }) => {
    expect(found(query)).toEqual(expected);
  });
});

describe('words', () => {
  it('say what a gain does to sampling', () => {
    expect(gainWords(0.94)).toBe('flatter than golden: sampled as at temperature 1.06');
    expect(gainWords(1.1)).toBe('sharper than golden: sampled as at temperature 0.909');
    expect(gainWords(1.001)).toBe('the device is as sharp as golden');
    expect(gainWords(-0.2)).toContain('other way round');
    expect(gainWords(Number.NaN)).toContain('no gain');
  });

  it('say what KL and regret cost', () => {
    expect(klWords(0.29)).toBe("on average golden's tokens get 74.8 % of the probability that they should");
    expect(regretWords(Math.log(2))).toBe("golden finds the device's choice 2.00 times less probable than its own");
    expect(regretWords(0)).toBe('the same choice');
    expect(regretWords(Number.NaN)).toContain('not in the top lists');
  });
});
