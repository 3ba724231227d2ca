// Ties, near ties and real flips by the format's unit in the last place.
import { describe, expect, it } from 'vitest';
import type { LogitsFormat } from '../../src/numerics/logits-format.ts';
import { classifyFlip } from './flips.ts';
import { ulpAtEntry, ulpAtMagnitude } from './logits-format.ts';

describe('ulpAtMagnitude', () => {
  it.each([
    { format: 'BFP8_B', magnitude: 17, ulp: 0.25 },
    { format: 'BFP8_B', magnitude: 31.75, ulp: 0.25 },
    { format: 'BFP8_B', magnitude: -8, ulp: 0.125 },
    { format: 'BF16', magnitude: 17, ulp: 0.125 },
    { format: 'F16', magnitude: 1, ulp: 2 ** -10 },
    { format: 'F32', magnitude: 1, ulp: 2 ** -23 },
    { format: 'BF16', magnitude: 0, ulp: 2 ** -133 },
    { format: 'BFP4_B', magnitude: 17, ulp: 4 },
    { format: 'F16', magnitude: 2 ** -20, ulp: 2 ** -24 },
    { format: 'F16', magnitude: 2 ** -14, ulp: 2 ** -24 },
    { format: 'F32', magnitude: 2 ** -130, ulp: 2 ** -149 },
  ] as const)('is $ulp for $magnitude in $format', ({ format, magnitude, ulp }) => {
    expect(ulpAtMagnitude(format, magnitude)).toBe(ulp);
  });

  it('is the block maximum’s for a value that shares an exponent', () => {
    const row = new Float32Array(32).fill(0.5);
    row[15] = 20;
    expect([0, 14, 16].map((id) => ulpAtEntry('BFP8_B', row, id))).toEqual([0.25, 0.25, 2 ** -7]);
    expect(ulpAtEntry('BF16', row, 0)).toBe(2 ** -8);
    // Nor of the value that follows it.
    expect(ulpAtEntry('BF16', row, 14)).toBe(2 ** -8);
    expect(ulpAtEntry('BFP8_B', new Float32Array(32).fill(0.5).fill(20, 16), 0)).toBe(2 ** -7);
  });

  it('is that of the largest magnitude, of either sign, and of values that are none’s mask', () => {
    const row = new Float32Array(20).fill(0.5);
    row[3] = -20;
    row[4] = Number.NEGATIVE_INFINITY;
    row[19] = -9;
    expect(ulpAtEntry('BFP8_B', row, 0)).toBe(0.25);
    // The last block of a row may be short.
    expect(ulpAtEntry('BFP8_B', row, 16)).toBe(0.125);
  });
});

describe('classifyFlip', () => {
  const golden = new Float32Array(64);
  golden.set([17, 16.8, 10], 0);
  const classify = (actualTop: number, values: readonly number[], format: LogitsFormat = 'BFP8_B') => {
    const actual = new Float32Array(64);
    actual.set(values, 0);
    return classifyFlip(golden, actual, [0, 1], actualTop, { format, tieUlps: 1 });
  };

  it('is none when both choose the same', () => {
    expect(classify(0, [17, 16.75])).toEqual({ flip: 'none', ulp: 0.25, marginUlps: expect.closeTo(0.8, 5) });
  });

  it('is a tie when only the order of ids decided', () => {
    const actual = new Float32Array(64);
    actual.set([16.75, 16.75]);
    const swapped = new Float32Array(64);
    swapped.set([16.8, 17]);
    expect(classifyFlip(swapped, actual, [1, 0], 0, { format: 'BFP8_B', tieUlps: 1 }).flip).toBe('tie');
  });

  it('is a near tie when golden’s margin is within one ULP of the device’s format', () => {
    expect(classify(1, [16.75, 17]).flip).toBe('nearTie');
  });

  it('is a near tie at a margin of exactly one ULP', () => {
    const exact = Float32Array.of(17, 16.75);
    const flip = classifyFlip(exact, Float32Array.of(16.75, 17), [0, 1], 1, { format: 'BFP8_B', tieUlps: 1 });
    expect(flip).toEqual({ flip: 'nearTie', ulp: 0.25, marginUlps: 1 });
  });

  it('goes by the coarser block of the two candidates', () => {
    const rows = [new Float32Array(48), new Float32Array(48)] as const;
    for (const row of rows) row.set([9, 100], 16);
    rows[0].set([9.5], 0);
    rows[1].set([8], 0);
    const options = { format: 'BFP8_B', tieUlps: 1 } as const;
    expect(classifyFlip(...rows, [0, 17], 16, options)).toEqual({ flip: 'nearTie', ulp: 1, marginUlps: 0.5 });
    expect(classifyFlip(...rows, [16, 0], 0, options)).toMatchObject({ ulp: 1 });
  });

  it('is real for the same logits in a finer format', () => {
    expect(classify(1, [16.75, 17], 'BF16')).toMatchObject({ flip: 'real', ulp: 0.125 });
  });

  it('is real when the margin is many ULP', () => {
    expect(classify(2, [16, 16, 17])).toEqual({ flip: 'real', ulp: 0.25, marginUlps: 28 });
  });
});
