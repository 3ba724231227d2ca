// The format of recorded values: what was rounded is recognised, what was not keeps its dtype.
import { describe, expect, it } from 'vitest';
import { roundToBf16TiesEven } from '../../numerics/bf16.ts';
import { packRowsToBlockFloat } from '../wormhole/packer.ts';
import { coarsestFormat, holdsRow, spread } from './values-format.ts';

const float32Row = Float32Array.from({ length: 512 }, (_, i) => ((i * 7919) % 1013) / 37 - 13);
const bf16Row = float32Row.map(roundToBf16TiesEven);
const zeros = new Float32Array(512);
const packed = (format: 'BFP8_B' | 'BFP4_B'): Float32Array => {
  const row = bf16Row.slice();
  packRowsToBlockFloat(row, { format, doubleRound: true });
  return row;
};
const f16Row = float32Row.map((value) => Math.round(value * 64) / 64);
const formatOf = (...rows: Float32Array[]) => coarsestFormat(rows);

describe('coarsestFormat', () => {
  it.each([
    ['BFP4_B', packed('BFP4_B')],
    ['BFP8_B', packed('BFP8_B')],
    ['BF16', bf16Row],
    ['F16', f16Row],
    ['F32', float32Row],
  ] as const)('recognises %s in float32', (format, row) => {
    expect(formatOf(row)).toBe(format);
  });

  it('takes the coarsest that holds all rows, not the first row alone', () => {
    expect(formatOf(packed('BFP8_B'), bf16Row)).toBe('BF16');
    expect(formatOf(bf16Row, f16Row)).toBe('F16');
    expect(formatOf(packed('BFP8_B'), packed('BFP4_B'))).toBe('BFP8_B');
  });

  it('is not told anything by rows of zeros, whichever they are', () => {
    expect(formatOf(zeros, packed('BFP8_B'), zeros)).toBe('BFP8_B');
    expect(formatOf(zeros)).toBeUndefined();
    expect(formatOf()).toBeUndefined();
  });

  it('looks past infinities and NaN', () => {
    const masked = packed('BFP8_B').map((value, i) => (i % 7 === 0 ? Number.NEGATIVE_INFINITY : value));
    masked[3] = Number.NaN;
    expect(formatOf(masked)).toBe('BFP8_B');
    expect(formatOf(zeros.map(() => Number.NEGATIVE_INFINITY))).toBeUndefined();
  });

  it('sees one value of thousands that is off the grid', () => {
    const row = packed('BFP8_B');
    const lossy = row.findIndex((value, i) => value !== bf16Row[i]);
    row[lossy] = bf16Row[lossy]!;
    expect(formatOf(row)).toBe('BF16');
    row[500] = float32Row[500]!;
    expect(formatOf(row)).toBe('F32');
  });
});

describe('holdsRow', () => {
  it.each([
    [65504, true],
    [65536, false],
    [2 ** -24, true],
    [2 ** -25, false],
    [3 * 2 ** -24, true],
    [1 + 2 ** -10, true],
    [1 + 2 ** -11, false],
    [-0, true],
  ])('knows whether F16 holds %d', (value, isHeld) => {
    expect(holdsRow('F16', Float32Array.of(value))).toBe(isHeld);
  });
});

describe('spread', () => {
  it('keeps the ends', () => {
    expect(spread(100, 4)).toEqual([0, 33, 66, 99]);
    expect(spread(3, 16)).toEqual([0, 1, 2]);
    expect(spread(1, 16)).toEqual([0]);
    expect(spread(0, 16)).toEqual([]);
  });
});
