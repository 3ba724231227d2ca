// Gain, offset and error of a pair of rows against their definitions.
import { describe, expect, it } from 'vitest';
import { type ControlRows, measureMoments } from './moments.ts';
import { scannedRow } from './row-scan.ts';

const NONE: ControlRows = { previousGolden: null, firstGolden: null, previousActual: null };
const measure = (golden: number[], actual: number[], controls: ControlRows = NONE) => {
  const [g, a] = [Float32Array.from(golden), Float32Array.from(actual)];
  return measureMoments(scannedRow(g), scannedRow(a), controls);
};

describe('measureMoments', () => {
  it('has the numbers of their definitions', () => {
    // Means 2.5 and 4; centred golden -1.5 -0.5 0.5 1.5, actual -3 0 1 2; products 4.5 + 0 + 0.5 + 3 = 8.
    const { moments, correlation, goldenSquares, actualSquares } = measure([1, 2, 3, 4], [1, 4, 5, 6]);
    expect([goldenSquares, actualSquares]).toEqual([5, 14]);
    expect(correlation).toEqual({ kind: 'defined', pcc: expect.closeTo(8 / Math.sqrt(70), 14) });
    expect(moments).toEqual({
      cosine: expect.closeTo(48 / Math.sqrt(30 * 78), 14),
      gain: 1.6,
      offset: 0,
      // Differences 0 2 2 2; the line 1.6 g leaves -0.6 0.8 0.2 -0.4.
      residualSd: expect.closeTo(Math.sqrt(1.2 / 4), 14),
      sd: { golden: Math.sqrt(5 / 4), actual: Math.sqrt(14 / 4) },
      min: { golden: 1, actual: 1 },
      max: { golden: 4, actual: 6 },
      maxAbs: 2,
      maxAbsIndex: 1,
      meanAbs: 1.5,
      relL2: expect.closeTo(Math.sqrt(12 / 30), 14),
      nmseDb: expect.closeTo(10 * Math.log10(12 / 30), 12),
    });
  });

  it('has no gain on a constant golden row, and no correlation', () => {
    const { moments, correlation, goldenSquares } = measure([0.1, 0.1, 0.1], [1, 2, 3]);
    expect(goldenSquares).toBe(0);
    expect(correlation).toEqual({ kind: 'undefined', reason: 'golden is constant' });
    expect(moments).toMatchObject({ gain: null, offset: null, residualSd: null, sd: { golden: 0 } });
    expect(moments.cosine).toBeCloseTo(6 / Math.sqrt(3 * 14), 7);
  });

  it('has no ratio to a golden row of zeros', () => {
    expect(measure([0, 0], [1, 2]).moments).toMatchObject({ cosine: null, relL2: null, nmseDb: null, maxAbs: 2 });
    expect(measure([1, 2], [0, 0]).moments).toMatchObject({ cosine: null, relL2: 1, nmseDb: 0 });
  });

  it('has no correlation of a constant device row or of one value', () => {
    expect(measure([1, 2], [3, 3]).correlation).toEqual({ kind: 'undefined', reason: 'actual is constant' });
    expect(measure([1], [2]).correlation).toEqual({ kind: 'undefined', reason: 'fewer than two values' });
  });

  it('has no error between equal rows', () => {
    const { moments, correlation } = measure([1, -2, 7], [1, -2, 7]);
    expect(correlation).toEqual({ kind: 'defined', pcc: 1 });
    expect(moments).toMatchObject({
      gain: 1,
      offset: 0,
      residualSd: 0,
      maxAbs: 0,
      maxAbsIndex: 0,
      relL2: 0,
      nmseDb: Number.NEGATIVE_INFINITY,
    });
  });

  it('names the first of equal errors', () => {
    expect(measure([0, 0, 0, 5], [1, -2, 2, 5]).moments.maxAbsIndex).toBe(1);
  });

  it('correlates each control with the other side', () => {
    const row = (...values: number[]) => ({ row: Float32Array.from(values), squares: 2 });
    const { controlPccs } = measure([1, 2, 3], [3, 2, 1], {
      previousGolden: row(1, 2, 3),
      firstGolden: row(3, 2, 1),
      previousActual: row(5, 6, 7),
    });
    expect(controlPccs).toEqual({ previousGolden: -1, firstGolden: 1, previousActual: 1 });
    const constant = { row: Float32Array.of(1, 1, 1), squares: 0 };
    expect(measure([1, 2, 3], [3, 2, 1], { ...NONE, firstGolden: constant }).controlPccs).toEqual({
      previousGolden: null,
      firstGolden: null,
      previousActual: null,
    });
  });
});
