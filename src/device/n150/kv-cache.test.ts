// The KV cache: what is stored of a row, for heads that fill blocks of sixteen and heads that do not, and its growth.
import { describe, expect, it } from 'vitest';
import { parseDeviceOptions } from './device-options.ts';
import { createKvCache } from './kv-cache.ts';

/** One head's row: 2, 1.0078125, 1.0390625, then zeros (n150-numerics A.4). */
function exampleRow(headDim: number): Float32Array {
  const row = new Float32Array(headDim);
  row.set([2, 1.0078125, 1.0390625]);
  return row;
}

describe('KV cache', () => {
  it.each([
    { options: '', stored: [2, 1.03125, 1.0625] },
    { options: 'bfp8PackDoubleRound=false', stored: [2, 1, 1.03125] },
    { options: 'kvFormat=BF16', stored: [2, 1.0078125, 1.0390625] },
    { options: 'tier=fp32', stored: [2, 1.0078125, 1.0390625] },
  ])('packs the row of A.4 to $stored with "$options"', ({ options, stored }) => {
    for (const headDim of [4, 16, 20, 64]) {
      const cache = createKvCache(1, headDim, parseDeviceOptions(options));
      cache.write(0, exampleRow(headDim), 0, exampleRow(headDim), 0);
      expect([...cache.heads[0]!.keys.subarray(0, 3)]).toEqual(stored);
      expect([...cache.heads[0]!.values.subarray(0, 3)]).toEqual(stored);
    }
  });

  it('gives blocks of sixteen along one head their own exponent', () => {
    const cache = createKvCache(2, 16, parseDeviceOptions(''));
    const keys = new Float32Array(32);
    keys[0] = 1024;
    keys[1] = 1;
    keys[17] = 1;
    cache.write(0, keys, 0, keys, 0);
    expect(cache.heads[0]!.keys[1]).toBe(0);
    expect(cache.heads[1]!.keys[1]).toBe(1);
  });

  it('keeps earlier positions when it grows', () => {
    const cache = createKvCache(1, 2, parseDeviceOptions(''));
    for (let position = 0; position < 300; position++) {
      const row = Float32Array.of(position % 64, 1);
      cache.write(position, row, 0, row, 0);
    }
    for (const position of [0, 1, 127, 128, 255, 299]) {
      expect(cache.heads[0]!.keys[2 * position]).toBe(position % 64);
    }
  });
});
