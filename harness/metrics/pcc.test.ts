// Correlation against @stdlib/stats, and where it does not exist.
import incrpcorr from '@stdlib/stats/incr/pcorr/lib/index.js';
import { describe, expect, it } from 'vitest';
import { compareTap, correlate } from './pcc.ts';
import { goldenRowExample, noisyRowExample, seededNormal } from './random-rows.fixture.ts';

describe('correlate', () => {
  it.each([0.001, 0.25, 2, 20])('agrees with @stdlib/stats at noise %f', (noiseSd) => {
    const golden = goldenRowExample(20_000, 1);
    const actual = noisyRowExample(golden, noiseSd, 2);
    const welford = incrpcorr();
    for (let i = 0; i < golden.length; i++) welford(golden[i], actual[i]);
    const correlation = correlate(golden, actual);
    // Two orders of summation of 20000 float64 products.
    expect(correlation.kind === 'defined' && correlation.pcc).toBeCloseTo(welford()!, 12);
    expect(welford()).toBeLessThan(1);
  });

  it('is exactly 1 for equal rows and never above', () => {
    for (let seed = 0; seed < 200; seed++) {
      const golden = Float32Array.from({ length: 5 + seed }, seededNormal(seed));
      expect(correlate(golden, golden)).toEqual({ kind: 'defined', pcc: 1 });
      const scaled = correlate(
        golden,
        Float64Array.from(golden, (value) => value * 1.1),
      );
      expect(scaled.kind === 'defined' && scaled.pcc).toBeLessThanOrEqual(1);
      expect(scaled.kind === 'defined' && scaled.pcc).toBeGreaterThan(0.999_999);
    }
  });

  it.each([
    { name: 'a constant golden row', golden: [0.1, 0.1, 0.1], actual: [1, 2, 3], reason: 'golden is constant' },
    { name: 'a constant actual row', golden: [1, 2, 3], actual: [-7.3, -7.3, -7.3], reason: 'actual is constant' },
    { name: 'a NaN', golden: [1, 2, 3], actual: [1, Number.NaN, 3], reason: 'not finite' },
    { name: 'a NaN of golden', golden: [1, Number.NaN, 3], actual: [1, 2, 3], reason: 'not finite' },
    { name: 'an infinity against a mask', golden: [1, Infinity, 3], actual: [1, -Infinity, 3], reason: 'not finite' },
    { name: 'a mask of golden alone', golden: [1, -Infinity, 3], actual: [1, 2, 3], reason: 'mask differs' },
    { name: 'a one-sided mask', golden: [1, 2, 3], actual: [1, -Infinity, 3], reason: 'mask differs' },
    { name: 'one value', golden: [1], actual: [1], reason: 'fewer than two values' },
    { name: 'no value', golden: [], actual: [], reason: 'fewer than two values' },
    { name: 'other lengths', golden: [1, 2], actual: [1, 2, 3], reason: 'lengths differ' },
  ])('does not exist for $name', ({ golden, actual, reason }) => {
    expect(correlate(golden, actual)).toEqual({ kind: 'undefined', reason });
  });

  it('exists for two values', () => {
    expect(correlate([1, 2], [5, 3])).toEqual({ kind: 'defined', pcc: -1 });
  });

  it('leaves out what both rows mask', () => {
    expect(correlate([1, -Infinity, 2, 4], [2, -Infinity, 4, 8])).toEqual({ kind: 'defined', pcc: 1 });
  });

  it('sees a tap like a row', () => {
    const golden = goldenRowExample(128, 3);
    expect(compareTap(golden, noisyRowExample(golden, 1, 4))).toEqual(correlate(golden, noisyRowExample(golden, 1, 4)));
  });
});
