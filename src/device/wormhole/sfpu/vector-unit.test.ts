// Reciprocal, roots and SiLU of 2024: the errors that n150-numerics D.3 to D.5 state.
import { describe, expect, it } from 'vitest';
import { createAttentionExponentials } from './attention-exponentials.ts';
import { reciprocal2024 } from './reciprocal.ts';
import { sigmoidExact, siluPiecewise2024 } from './silu.ts';
import { reciprocalSquareRoot2024, squareRoot2024 } from './square-root.ts';
import { createVectorUnit } from './vector-unit.ts';

const MANTISSAS = Array.from({ length: 1024 }, (_, i) => Math.fround(1 + i / 1024));

describe('reciprocal2024', () => {
  it('is always low, by 1.5e-3 at most and less than 1e-4 mostly (D.3)', () => {
    const errors = MANTISSAS.map((value) => reciprocal2024(value) * value - 1);
    // Two float32 roundings may lift an exact result by one unit.
    expect(Math.max(...errors)).toBeLessThan(2 ** -22);
    expect(Math.min(...errors)).toBeGreaterThan(-1.5e-3);
    expect(Math.min(...errors)).toBeLessThan(-1e-3);
    const small = errors.filter((error) => error > -1e-4).length;
    expect(small / errors.length).toBeGreaterThan(0.7);
  });

  it('errs by (1 - c x)^8 of its mantissa x', () => {
    const mantissa = Math.fround(0.999);
    const wanted = (1 - Math.LOG2E * mantissa) ** 8;
    expect(1 - reciprocal2024(mantissa) * mantissa).toBeCloseTo(wanted, 6);
  });

  it('keeps sign and exponent, and gives infinity for zero', () => {
    expect(reciprocal2024(-4)).toBe(-reciprocal2024(4));
    expect(reciprocal2024(8) * 8).toBeCloseTo(reciprocal2024(0.25) / 4, 9);
    expect(reciprocal2024(0)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('square roots of 2024', () => {
  it('err by less than 6e-6 (D.4: about 5e-6)', () => {
    for (const value of MANTISSAS.flatMap((mantissa) => [mantissa, 2 * mantissa])) {
      expect(Math.abs(reciprocalSquareRoot2024(value) * Math.sqrt(value) - 1)).toBeLessThan(6e-6);
      expect(Math.abs(squareRoot2024(value) / Math.sqrt(value) - 1)).toBeLessThan(6e-6);
    }
    expect(squareRoot2024(0)).toBe(0);
  });
});

describe('siluPiecewise2024', () => {
  it.each([
    { x: -6, error: 0.0148 },
    { x: -5, error: 0.0335 },
    { x: -4, error: -0.0156 },
    { x: -3, error: 0.0135 },
    { x: -2, error: 0.0002 },
    { x: -1, error: -0.0021 },
    { x: -0.5, error: -0.004 },
    { x: 0.5, error: -0.004 },
    { x: 1, error: -0.0021 },
    { x: 3, error: 0.0135 },
    { x: 4, error: -0.0156 },
    { x: 5, error: 0.0335 },
  ])('errs by $error at $x (D.5)', ({ x, error }) => {
    expect(siluPiecewise2024(x) - x / (1 + Math.exp(-x))).toBeCloseTo(error, 4);
  });

  it('is exactly zero at -5 and below', () => {
    expect(siluPiecewise2024(-5)).toBeCloseTo(0, 12);
    expect(siluPiecewise2024(-5.5)).toBeCloseTo(0, 12);
  });
});

describe('sigmoidExact', () => {
  it('agrees with the platform to 1e-15', () => {
    for (let x = -40; x <= 40; x += 0.1) expect(Math.abs(sigmoidExact(x) * (1 + Math.exp(-x)) - 1)).toBeLessThan(1e-15);
  });
});

describe('createVectorUnit', () => {
  it('gives attention of 2024 the fast exponential, the later recipe polynomial decays and tier fp32 the true one', () => {
    const demo = createAttentionExponentials({ tier: 'fast', sdpaExp: 'fastApprox', sdpaFp32DestAcc: false }, 1);
    const later = createAttentionExponentials({ tier: 'fast', sdpaExp: 'ttnn2026', sdpaFp32DestAcc: false }, 0.125);
    const plain = createAttentionExponentials({ tier: 'fp32', sdpaExp: 'fastApprox', sdpaFp32DestAcc: false }, 0.5);
    expect([demo.weight(0), demo.decay(0)]).toEqual([0.9765625, 0.9765625]);
    expect([later.weight(0), later.decay(0)]).toEqual([0.9765625, 1]);
    expect([plain.weight(-2), plain.decay(-2)]).toEqual([Math.fround(Math.exp(-1)), Math.fround(Math.exp(-1))]);
  });

  it('stores SiLU truncated in 2024', () => {
    const { silu } = createVectorUnit({ tier: 'fast', silu: 'piecewise2024', sfpuRoots: '2024' });
    const untruncated = siluPiecewise2024(0.7);
    expect(silu(0.7)).toBeLessThan(untruncated);
    expect(untruncated - silu(0.7)).toBeLessThan(2 ** -8);
  });
});
