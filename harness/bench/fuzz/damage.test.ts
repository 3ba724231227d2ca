// Damage comes from seed and index alone, so that a finding can be made again, and seldom leaves a file whole.
import { beforeAll, describe, expect, it } from 'vitest';
import { Draws, damageBytes, damageJson, damageLines } from './damage.ts';

const JSON_TEXT = JSON.stringify({ name: 'x', sizes: [1, 2, 3], nested: { a: true, b: 'text' } });
const LINES = Array.from({ length: 20 }, (_, index) => `${JSON.stringify({ index })}\n`).join('');

const damages: Readonly<Record<string, (draws: Draws) => Buffer>> = {
  bytes: (draws) => damageBytes(Buffer.from(JSON_TEXT), draws),
  'first bytes': (draws) => damageBytes(Buffer.from(JSON_TEXT), draws, 10),
  JSON: (draws) => damageJson(JSON_TEXT, draws),
  lines: (draws) => damageLines(LINES, draws),
};

describe.each(Object.entries(damages))('damage to %s', (name, damage) => {
  const made = (seed: number): string[] =>
    Array.from({ length: 200 }, (_, index) => damage(Draws.seeded(seed, index)).toString('latin1'));
  let first: readonly string[];
  beforeAll(() => {
    first = made(7);
  });

  it('is the same for a seed, and another for another', () => {
    expect(made(7)).toEqual(first);
    expect(made(8)).not.toEqual(first);
  });

  it('differs from input to input and from the whole file', () => {
    const whole = name === 'lines' ? LINES : JSON_TEXT;
    expect(new Set(first).size).toBeGreaterThan(100);
    expect(first.filter((text) => text === whole).length).toBeLessThan(30);
  });
});

it('only the first bytes are damaged where only they are asked for', () => {
  const tail = JSON_TEXT.slice(10);
  expect(damages['first bytes']!(Draws.seeded(1, 1)).toString().endsWith(tail)).toBe(true);
});
