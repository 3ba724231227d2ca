// NaN, infinities and masks of a pair of rows, counted on each side.
import { describe, expect, it } from 'vitest';
import type { LogitsFormat } from '../../src/numerics/logits-format.ts';
import { countForbidden, inspectRows } from './hygiene.ts';
import { createRowScan, scanRow } from './row-scan.ts';

const { NaN: nan, POSITIVE_INFINITY: plus, NEGATIVE_INFINITY: minus } = Number;
const inspect = (golden: Float32Array, actual: Float32Array, format: LogitsFormat = 'BFP8_B') =>
  inspectRows(
    { row: golden, scan: scanRow(golden, createRowScan(golden.length)) },
    { row: actual, scan: scanRow(actual, createRowScan(actual.length)) },
    format,
  );

describe('inspectRows', () => {
  it('counts each kind on each side', () => {
    const golden = Float32Array.of(nan, plus, minus, minus, 0, 1, 2, 3);
    const actual = Float32Array.of(1, plus, minus, 4, 0, 0, nan, nan);
    const hygiene = inspect(golden, actual);
    expect(hygiene).toEqual({
      vocabSize: 8,
      nan: { golden: 1, actual: 2 },
      positiveInfinity: { golden: 1, actual: 1 },
      negativeInfinity: { golden: 2, actual: 1 },
      maskedPairs: 1,
      zeros: { golden: 1, actual: 2 },
      constantRow: { golden: false, actual: false },
      constantBlocks: [],
    });
    // Three NaN, two +Infinity, one -Infinity without its like.
    expect(countForbidden(hygiene)).toBe(6);
  });

  it('forbids nothing of a mask that both sides share', () => {
    const row = Float32Array.of(minus, 1, 2);
    expect(countForbidden(inspect(row, row))).toBe(0);
  });

  it('forbids what only one side masks beside a shared mask', () => {
    const hygiene = inspect(Float32Array.of(minus, 1, 2), Float32Array.of(minus, minus, 2));
    expect([hygiene.maskedPairs, countForbidden(hygiene)]).toEqual([1, 1]);
  });

  it('forbids a mask on one side only', () => {
    expect(countForbidden(inspect(Float32Array.of(5, 1, 2), Float32Array.of(minus, 1, 2)))).toBe(1);
    expect(countForbidden(inspect(Float32Array.of(minus, 1, 2), Float32Array.of(5, 1, 2)))).toBe(1);
  });

  it('calls a row constant by its unmasked values', () => {
    expect(inspect(Float32Array.of(minus, 2, 2), Float32Array.of(minus, 2, 3)).constantRow).toEqual({
      golden: true,
      actual: false,
    });
    expect(inspect(Float32Array.of(1, 2), Float32Array.of(4, 4)).constantRow).toEqual({ golden: false, actual: true });
  });

  it('counts zeros beside values that are not finite', () => {
    expect(inspect(Float32Array.of(0, -0, nan), Float32Array.of(0, 1, 2)).zeros).toEqual({ golden: 2, actual: 1 });
  });
});

describe('constant blocks', () => {
  const LENGTH = 4096;
  const varied = Float32Array.from({ length: LENGTH }, (_, i) => (i % 8) / 4 + 16);
  const stuck = (from: number, to: number, value: number) =>
    Float32Array.from(varied, (own, i) => (i >= from && i < to ? value : own));

  it('are joined where they touch and hold one value', () => {
    expect(inspect(varied, stuck(1024, 3072, 16)).constantBlocks).toEqual([{ from: 1024, to: 3072, value: 16 }]);
    const two = stuck(1024, 2048, 16);
    two.fill(17, 2048, 3072);
    expect(inspect(varied, two).constantBlocks).toEqual([
      { from: 1024, to: 2048, value: 16 },
      { from: 2048, to: 3072, value: 17 },
    ]);
    const apart = stuck(0, 1024, 16);
    apart.fill(16, 2048, 3072);
    expect(inspect(varied, apart).constantBlocks).toEqual([
      { from: 0, to: 1024, value: 16 },
      { from: 2048, to: 3072, value: 16 },
    ]);
  });

  it('reach to the end of a row with a short tail', () => {
    const golden = varied.slice(0, 2048 + 300);
    expect(inspect(golden, stuck(1024, LENGTH, 16).slice(0, 2348)).constantBlocks).toEqual([
      { from: 1024, to: 2348, value: 16 },
    ]);
  });

  it('are none where the format could not tell golden’s values apart', () => {
    // Golden spreads by 1.75; two ULP at 16 are 0.25 in BF16, 0.5 in BFP8_B, 8 in BFP4_B.
    const device = stuck(1024, 2048, 16);
    expect(inspect(varied, device, 'BF16').constantBlocks).toHaveLength(1);
    expect(inspect(varied, device, 'BFP4_B').constantBlocks).toEqual([]);
    const exactly = Float32Array.from(varied, (_, i) => 16 + (i % 2) / 2);
    expect(inspect(exactly, device, 'BFP8_B').constantBlocks).toEqual([]);
  });

  it('are none of the device’s where golden is constant too', () => {
    expect(inspect(stuck(0, 1024, 3), stuck(0, 1024, 16)).constantBlocks).toEqual([]);
  });
});
