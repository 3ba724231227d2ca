// The best tokens of a row, by blocks, against sorting it whole.
import { describe, expect, it } from 'vitest';
import { seededRandom } from './random-rows.fixture.ts';
import { BLOCK_SIZE, blockEnd, countBlocks, createRowScan, scanRow } from './row-scan.ts';
import { countOverlap, findPlaces, findRanks } from './top-tokens.ts';

const scanOf = (row: Float32Array) => scanRow(row, createRowScan(row.length));
const byDefinition = (row: Float32Array): number[] => Array.from(row.keys()).sort((i, j) => row[j]! - row[i]! || i - j);

describe('rows of many blocks', () => {
  it.each([1, 2, 9, 1024, 1500, 1536, 5000, 12 * BLOCK_SIZE + 700])(
    'of %i values are ranked as by sorting',
    (length) => {
      const random = seededRandom(length);
      // Few distinct values, so that ties are everywhere, also across blocks.
      const row = Float32Array.from({ length }, () => Math.floor(300 * random()) - 150);
      const sorted = byDefinition(row);
      const best = scanOf(row).topIds;
      expect(Array.from(best)).toEqual(sorted.slice(0, 10));
      const asked = Int32Array.from(sorted.filter((_, place) => place % 7 === 0).slice(0, 12));
      const ranks = Array.from(asked, (id) => sorted.indexOf(id) + 1);
      const nowhere = findPlaces(asked, Int32Array.of());
      expect(Array.from(findRanks(row, scanOf(row), asked, nowhere))).toEqual(ranks);
      expect(Array.from(findRanks(row, scanOf(row), asked, findPlaces(asked, best)))).toEqual(ranks);
    },
  );

  it('find the last value of the last block', () => {
    const row = new Float32Array(3 * BLOCK_SIZE);
    row[row.length - 1] = 1;
    expect(scanOf(row).topIds.slice(0, 2)).toEqual(Int32Array.of(row.length - 1, 0));
    expect(findRanks(row, scanOf(row), Int32Array.of(0), Int32Array.of(-1))).toEqual(Int32Array.of(2));
  });

  it('have nothing to say of no ids', () => {
    const row = Float32Array.of(1, 2);
    expect(findRanks(row, scanOf(row), Int32Array.of(), Int32Array.of())).toHaveLength(0);
  });
});

describe('blocks', () => {
  it.each([
    { length: 1, blocks: 1, last: 1 },
    { length: 1535, blocks: 1, last: 1535 },
    { length: 1536, blocks: 2, last: 1536 },
    { length: 2048, blocks: 2, last: 2048 },
  ])('of $length values are $blocks: a short tail joins the block before', ({ length, blocks, last }) => {
    expect(countBlocks(length)).toBe(blocks);
    expect(blockEnd(blocks - 1, length)).toBe(last);
    if (blocks > 1) expect(blockEnd(0, length)).toBe(BLOCK_SIZE);
  });

  it('have least, largest, mean, and zeros', () => {
    const row = new Float32Array(2048);
    row[0] = -3;
    row[1] = 5;
    row[1500] = 7;
    expect(scanOf(row)).toEqual({
      blockMin: Float64Array.of(-3, 0),
      blockMax: Float64Array.of(5, 7),
      stripMin: Float32Array.from({ length: 32 }, (_, strip) => (strip === 0 ? -3 : 0)),
      stripMax: Float32Array.from({ length: 32 }, (_, strip) => ({ 0: 5, 23: 7 })[strip] ?? 0),
      topIds: Int32Array.of(1500, 1, 2, 3, 4, 5, 6, 7, 8, 9),
      min: -3,
      max: 7,
      mean: 9 / 2048,
      zeros: 2045,
      isFinite: true,
    });
    row[9] = Number.POSITIVE_INFINITY;
    expect(scanOf(row).isFinite).toBe(false);
    row[10] = Number.NEGATIVE_INFINITY;
    expect(scanOf(row).isFinite).toBe(false);
  });
});

describe('findPlaces', () => {
  it('says where each id is in the other list', () => {
    expect(findPlaces(Int32Array.of(7, 3, 9), Int32Array.of(3, 1, 7))).toEqual(Int32Array.of(2, 0, -1));
  });
});

describe('countOverlap', () => {
  it('counts what the first few of both have in common', () => {
    const places = findPlaces(Int32Array.of(1, 2, 3, 4), Int32Array.of(3, 1, 9, 2));
    expect([1, 2, 3, 4].map((count) => countOverlap(places, count))).toEqual([0, 1, 2, 3]);
  });
});
