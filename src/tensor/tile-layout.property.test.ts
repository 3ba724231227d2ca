// Laws of the tile layout: every element has its own place, tilize and untilize undo one another.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { indexInStream, indexInTile, tilize, untilize } from './tile-layout.ts';

const SEED = 20_241_115;
const side = fc.integer({ min: 1, max: 100 });

describe('tile layout', () => {
  it('gives the 1024 elements of a tile 1024 places', () => {
    const places = new Set<number>();
    for (let row = 0; row < 32; row++) for (let column = 0; column < 32; column++) places.add(indexInTile(row, column));
    expect(places.size).toBe(1024);
    expect(Math.max(...places)).toBe(1023);
  });

  it('untilizes what it tilized and puts each element where indexInStream says', () => {
    fc.assert(
      fc.property(side, side, (rows, columns) => {
        const values = Float32Array.from({ length: rows * columns }, (_, i) => i + 1);
        const stream = tilize(values, rows, columns);
        expect(untilize(stream, rows, columns)).toEqual(values);
        expect(stream[indexInStream(rows - 1, columns - 1, columns)]).toBe(rows * columns);
      }),
      { seed: SEED, numRuns: 100 },
    );
  });
});
