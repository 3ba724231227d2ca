// Addresses of tokens in report.html: no name breaks one, and none is an error.
import { describe, expect, it } from 'vitest';
import { lensFragment, lensFragmentOf } from './lens-link.ts';

const place = { case: 'a', variant: 'n150', prompt: 'x', user: 0, position: 3 };

describe('lensFragment', () => {
  it.each([
    { name: 'a token', change: {}, expected: '#/a/n150/x/3' },
    { name: 'a prompt', change: { position: undefined }, expected: '#/a/n150/x' },
    { name: 'a row of a batch', change: { user: 2 }, expected: '#/a/n150/x/3?user=2' },
    { name: 'a knob', change: { variant: 'n150:kvFormat=BF16' }, expected: '#/a/n150%3AkvFormat%3DBF16/x/3' },
    {
      name: 'what a path and Markdown would read',
      change: { prompt: '/?#)(' },
      expected: '#/a/n150/%2F%3F%23%29%28/3',
    },
    { name: 'half a surrogate pair', change: { prompt: '\ud800' }, expected: '#/a/n150/%EF%BF%BD/3' },
  ])('writes $name', ({ change, expected }) => {
    expect(lensFragment({ ...place, ...change })).toBe(expected);
  });
});

describe('lensFragmentOf', () => {
  it('leads to a prompt or a token, and nowhere for a whole variant', () => {
    expect(lensFragmentOf({ ...place, position: null })).toBe('#/a/n150/x');
    expect(lensFragmentOf({ ...place, prompt: null, user: null, position: null })).toBeNull();
    expect(lensFragmentOf(null)).toBeNull();
  });
});
