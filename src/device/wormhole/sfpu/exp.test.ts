// The exponentials: worked tables of n150-numerics D.1 and D.2, and the exact one against the platform's.
import { describe, expect, it } from 'vitest';
import { float32Bits } from '../../../numerics/float-bits.ts';
import { expAccurate2024 } from './exp-accurate-2024.ts';
import { expExact } from './exp-exact.ts';
import { expFast } from './exp-fast.ts';

describe('expFast', () => {
  it.each([
    { x: 0, stored: 0.9765625 },
    { x: -0.1, stored: 0.90625 },
    { x: -0.3, stored: 0.76171875 },
    { x: -0.5, stored: 0.6171875 },
    { x: -1, stored: 0.376953125 },
    { x: -2, stored: 0.1337890625 },
    { x: -3, stored: 0.05078125 },
    { x: -5, stored: 0.006805419921875 },
    { x: -10, stored: 4.673004150390625e-5 },
  ])('stores $stored for e^$x (D.2)', ({ x, stored }) => {
    expect(expFast(x)).toBe(stored);
  });

  it('stores the pattern 3F7A at zero', () => {
    expect(float32Bits(expFast(0))).toBe(0x3f7a_0000);
  });

  it('errs between -3.4 % and +3.1 % over -20 … 0, +0.84 % in the mean (D.2)', () => {
    const errors = Array.from({ length: 20_001 }, (_, i) => expFast(-i / 1000) / Math.exp(-i / 1000) - 1);
    expect(Math.min(...errors)).toBeGreaterThan(-0.0345);
    expect(Math.min(...errors)).toBeLessThan(-0.033);
    expect(Math.max(...errors)).toBeLessThan(0.0315);
    expect(Math.max(...errors)).toBeGreaterThan(0.03);
    const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    expect(mean).toBeCloseTo(0.0084, 3);
  });

  it('is practically zero from -88.5 down', () => {
    expect(expFast(-1000)).toBe(expFast(-88.5));
    expect(expFast(Number.NEGATIVE_INFINITY)).toBeLessThan(1e-38);
  });
});

describe('expAccurate2024', () => {
  it.each([
    { magnitude: 0, error: 0 },
    { magnitude: 0.25, error: 0.013 },
    { magnitude: 0.5, error: 0.005 },
    { magnitude: 1, error: 0.009 },
    { magnitude: 2, error: 0.019 },
    { magnitude: 4, error: 0.038 },
    { magnitude: 8, error: 0.078 },
    { magnitude: 16, error: 0.16 },
  ])('errs by $error at -$magnitude (D.1)', ({ magnitude, error }) => {
    const relative = Math.abs(expAccurate2024(-magnitude) / Math.exp(-magnitude) - 1);
    // The table has two digits.
    expect(Math.abs(relative - error)).toBeLessThan(0.05 * error + 0.0006);
  });

  it('ends at infinite arguments', () => {
    expect(expAccurate2024(Number.NEGATIVE_INFINITY)).toBe(0);
    expect(expAccurate2024(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('expExact', () => {
  it('agrees with the platform to 1e-15 over float32 arguments', () => {
    for (let x = -700; x < 700; x += 0.37) {
      expect(Math.abs(expExact(x) / Math.exp(x) - 1)).toBeLessThan(1e-15);
    }
  });

  it('keeps the limits', () => {
    expect(expExact(0)).toBe(1);
    expect(expExact(1000)).toBe(Number.POSITIVE_INFINITY);
    expect(expExact(-1000)).toBe(0);
    expect(expExact(Number.NEGATIVE_INFINITY)).toBe(0);
    expect(expExact(Number.NaN)).toBeNaN();
  });
});
