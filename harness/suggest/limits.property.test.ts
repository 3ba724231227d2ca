// The error rates of suggested limits, counted on made-up devices: honest runs break them no oftener than said, damaged ones keep them no oftener.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mean } from '../metrics/quantile.ts';
import { randomFromSeed } from '../paired/seeded-random.ts';
import { type ErrorRates, limitOfScale, limitOfShare } from './limits.ts';
import { bootstrapError, joined } from './measured-tokens.ts';

const random = randomFromSeed(7);
const uniform = (): number => (random() + 0.5) / 2 ** 32;
/** A run of 12 blocks of 24 tokens: long-tailed values, blocks that differ. */
function run(scale = 1): Float64Array[] {
  return Array.from({ length: 12 }, () => {
    const level = 0.5 + uniform();
    return Float64Array.from({ length: 24 }, () => scale * level * -Math.log(uniform()));
  });
}
const TRUE_MEAN = 1;
const meanOf = (units: readonly Float64Array[]): number => mean(joined(units));
/** No floor: the error rates alone make the limit. */
const RATES: ErrorRates = { alpha: 0.05, beta: 0.1, multiple: 1e-9 };
const REPEATS = 120;

describe('the limit of a mean', () => {
  it('is broken by few honest runs, and kept by few at what it detects', () => {
    let alarms = 0;
    let missed = 0;
    for (let i = 0; i < REPEATS; i++) {
      const units = run();
      const value = meanOf(units);
      const standardError = bootstrapError([units], mean, i);
      const { limit, detects } = limitOfScale(
        { value, standardError, degreesOfFreedom: 11, tokens: 288, floor: value },
        RATES,
      );
      if (meanOf(run()) > limit) alarms++;
      if (meanOf(run(detects! / TRUE_MEAN)) <= limit) missed++;
    }
    // Of 120: 6 and 12 are expected at most; 14 and 22 are exceeded once in a thousand.
    expect(alarms).toBeLessThanOrEqual(14);
    expect(missed).toBeLessThanOrEqual(22);
    expect(alarms + missed).toBeGreaterThan(0);
  });
});

describe('the limit of a share', () => {
  const hitsOf = (n: number, p: number): number => {
    let hits = 0;
    for (let i = 0; i < n; i++) if (uniform() < p) hits++;
    return hits;
  };

  it.each([0, 0.01, 0.06])('of %d is broken by few honest runs, and kept by few at what it detects', (p) => {
    const tokens = 300;
    let alarms = 0;
    let missed = 0;
    for (let i = 0; i < REPEATS; i++) {
      const hits = hitsOf(tokens, p);
      const { limit, detects } = limitOfShare({ hits, tokens, designEffect: 1, floor: hits / tokens }, RATES);
      if (hitsOf(tokens, p) / tokens > limit) alarms++;
      if (hitsOf(tokens, detects!) / tokens <= limit) missed++;
    }
    expect(alarms).toBeLessThanOrEqual(14);
    expect(missed).toBeLessThanOrEqual(22);
  });
});

describe('a limit', () => {
  const scale = fc.record({
    value: fc.double({ min: 1e-4, max: 1, noNaN: true }),
    relative: fc.double({ min: 0, max: 0.3, noNaN: true }),
    degreesOfFreedom: fc.integer({ min: 3, max: 200 }),
    tokens: fc.integer({ min: 100, max: 5000 }),
    multiple: fc.double({ min: 1, max: 5, noNaN: true }),
  });

  it('is at least the multiple of the floor, above what was measured, and within reach of what it detects', () => {
    fc.assert(
      fc.property(scale, ({ relative, multiple, ...rest }) => {
        const measured = { ...rest, standardError: relative * rest.value, floor: rest.value };
        const { limit, detects, sampleMinimum } = limitOfScale(measured, { alpha: 0.01, beta: 0.1, multiple });
        expect(limit).toBeGreaterThanOrEqual(multiple * rest.value);
        expect(detects ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(limit);
        expect(sampleMinimum).toBeLessThanOrEqual(rest.tokens);
      }),
      { numRuns: 100 },
    );
  });

  it('grows as fewer false alarms are allowed', () => {
    fc.assert(
      fc.property(scale, fc.double({ min: 0.001, max: 0.2, noNaN: true }), ({ relative, ...rest }, alpha) => {
        const measured = { ...rest, standardError: relative * rest.value, floor: rest.value };
        const limitAt = (one: number) => limitOfScale(measured, { alpha: one, beta: 0.1, multiple: 1 }).limit;
        expect(limitAt(alpha / 2)).toBeGreaterThanOrEqual(limitAt(alpha));
      }),
      { numRuns: 50 },
    );
  });
});
