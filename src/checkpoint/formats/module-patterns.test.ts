// Patterns of modules' names: matched from the beginning as Python does, refused if they are none or never end.
import { describe, expect, it } from 'vitest';
import { errorOf } from '../checkpoint.fixture.ts';
import { matchPatterns } from './module-patterns.ts';

const NAMES = ['lm_head', 'model.layers.1.mlp.up_proj', 'model.layers.11.mlp.up_proj'];
const matched = (pattern: string): string[] => [...matchPatterns('config.json', [pattern], NAMES).get(pattern)!];

describe('matchPatterns', () => {
  it.each([
    { pattern: 'model\\.layers\\.1\\.', names: [NAMES[1]] },
    { pattern: 'layers', names: [] },
    { pattern: '.*layers', names: NAMES.slice(1) },
    { pattern: 'lm_head|.*\\.11\\.', names: [NAMES[0], NAMES[2]] },
    { pattern: '.*up_proj$', names: NAMES.slice(1) },
    { pattern: '(?!lm_head)', names: NAMES.slice(1) },
    { pattern: '', names: NAMES },
  ])('matches "$pattern" from the beginning of a name', ({ pattern, names }) => {
    expect(matched(pattern)).toEqual(names);
  });

  it.each(['(', '*a', '(?P<layer>1)', '[b-a]', '\\Z', ')|('])('refuses "%s", which is no pattern here', (pattern) => {
    const error = errorOf(() => matched(pattern));
    expect([error.code, error.facts['found']]).toEqual(['QUANTISED_UNSUPPORTED', JSON.stringify(pattern)]);
  });

  it('stops a pattern that takes for ever', () => {
    const error = errorOf(() => matchPatterns('config.json', ['((([a-z0-9._]+)+)+)+!'], NAMES, 20));
    expect([error.code, error.message]).toEqual(['QUANTISED_UNSUPPORTED', expect.stringContaining('timed out')]);
  });
});
