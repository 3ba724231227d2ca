// Sine, cosine, logarithm and power of our own against the platform's, up to the longest context.
import { describe, expect, it } from 'vitest';
import { naturalLogarithm, powerOf, sinCos } from './sin-cos.ts';

describe('sinCos', () => {
  it('stays within 2e-15 of the platform up to 262,144 radians', () => {
    const out = new Float64Array(2);
    const away: number[] = [];
    for (let i = 0; i < 20_000; i++) {
      const x = Math.fround((i * 262_144) / 20_000 + i * 0.001);
      sinCos(x, out);
      const isNear = Math.abs(out[0]! - Math.sin(x)) < 2e-15 && Math.abs(out[1]! - Math.cos(x)) < 2e-15;
      if (!isNear) away.push(x);
    }
    // Said once: 40,000 expectations take longer than what they are about.
    expect(away).toEqual([]);
  });

  it('knows the quadrants of negative angles', () => {
    const out = new Float64Array(2);
    for (const x of [-0.5, -2, -4, -5.5]) {
      sinCos(x, out);
      expect(out[0]).toBeCloseTo(Math.sin(x), 14);
      expect(out[1]).toBeCloseTo(Math.cos(x), 14);
    }
  });
});

describe('powerOf', () => {
  it.each([1e4, 1e5, 1e6])('raises %d to rotary exponents within 5e-15', (base) => {
    for (let i = 0; i < 64; i++) {
      expect(Math.abs(powerOf(base, (-2 * i) / 128) / base ** ((-2 * i) / 128) - 1)).toBeLessThan(5e-15);
    }
  });

  it('takes logarithms above and below one', () => {
    for (const x of [1e-3, 0.5, 1, 3, 32_768]) expect(naturalLogarithm(x)).toBeCloseTo(Math.log(x), 13);
  });
});
