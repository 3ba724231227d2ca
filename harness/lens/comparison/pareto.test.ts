// Frontier, ticks and labels of the plot of accuracy against bytes; the league as a sentence.
import { describe, expect, it } from 'vitest';
import type { CompareRecord } from '../../compare/league/compare-record.ts';
import { frontierOf, placeLabels, roundTicks } from './pareto.ts';
import { leagueSentence, powerOfTen } from './words.ts';

const ROOM = { left: 0, right: 300, top: 0, bottom: 200, letterWidth: 6, lineHeight: 14 };

describe('frontierOf', () => {
  it('keeps what nothing beats in both, by bytes', () => {
    const point = (label: string, bytes: number, kl: number) => ({ label, bytes, kl });
    const points = [point('d', 9, 0.1), point('b', 4, 0.5), point('a', 2, 1), point('c', 4, 0.6), point('e', 12, 0.1)];
    expect(frontierOf(points).map(({ label }) => label)).toEqual(['a', 'b', 'd']);
  });

  it('has one of several equal points, and none of none', () => {
    const same = { bytes: 1, kl: 1 };
    expect(
      frontierOf([
        { label: 'x', ...same },
        { label: 'y', ...same },
      ]).map(({ label }) => label),
    ).toEqual(['x']);
    expect(frontierOf([])).toEqual([]);
  });
});

describe('roundTicks', () => {
  it.each([
    { low: 0.9, high: 3.6, most: 6, expected: [1, 1.5, 2, 2.5, 3, 3.5] },
    { low: 0, high: 10, most: 5, expected: [0, 2, 4, 6, 8, 10] },
    { low: 397, high: 1103, most: 6, expected: [400, 600, 800, 1000] },
  ])('are $expected', ({ low, high, most, expected }) => {
    expect(roundTicks(low, high, most)).toEqual(expected);
  });
});

describe('placeLabels', () => {
  it('begins at the right, and turns where the room ends', () => {
    const placed = placeLabels(
      [
        { x: 20, y: 100 },
        { x: 290, y: 100 },
      ],
      ['left one', 'right one'],
      ROOM,
    );
    expect(placed.map(({ anchor }) => anchor)).toEqual(['start', 'end']);
  });

  it('covers neither points nor labels, and leaves one out rather than that', () => {
    const spots = Array.from({ length: 30 }, () => ({ x: 150, y: 100 }));
    const placed = placeLabels(
      spots,
      spots.map((_, i) => `entrant ${i}`),
      ROOM,
    );
    const shown = placed.filter(({ text }) => text !== null);
    expect(shown.length).toBeLessThan(spots.length);
    const boxes = shown.map(({ x, y, anchor, text }) => {
      const width = text!.length * ROOM.letterWidth;
      return { y, left: anchor === 'start' ? x : anchor === 'end' ? x - width : x - width / 2, width };
    });
    for (const [i, a] of boxes.entries()) {
      for (const b of boxes.slice(i + 1)) {
        expect(Math.abs(a.y - b.y) >= 12 || a.left + a.width <= b.left || b.left + b.width <= a.left).toBe(true);
      }
    }
  });
});

describe('leagueSentence', () => {
  it.each([
    {
      words: ['base', 'worse', 'equivalent', 'equivalent'],
      expected: 'Of 3 variants 1 is worse than B, 2 are equivalent to it.',
    },
    { words: ['base', 'undecided', 'undecided'], expected: 'All 2 variants are undecided.' },
    { words: ['base', 'better'], expected: 'v1 is better than B.' },
    { words: ['base'], expected: 'Nothing stands beside B.' },
  ])('$expected', ({ words, expected }) => {
    const league = words.map((word, i) => ({ word, label: `v${i}` }));
    expect(leagueSentence({ base: 'B', league } as unknown as CompareRecord)).toBe(expected);
  });
});

describe('powerOfTen', () => {
  it('is as people write it', () =>
    expect([-12, -1, 0, 1, 2].map(powerOfTen)).toEqual(['10⁻¹²', '10⁻¹', '1', '10', '10²']));
});
