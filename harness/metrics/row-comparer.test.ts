import { describe, expect, it } from 'vitest';
import { ComparisonInvalidError } from '../../src/errors.ts';
import { correlate } from './pcc.ts';
import { goldenRowExample, noisyRowExample } from './random-rows.fixture.ts';
import { RowComparer, type RowComparerOptions } from './row-comparer.ts';

const V = 5000;
const golden = goldenRowExample(V, 11);
const actual = noisyRowExample(golden, 0.3, 12);

function comparer(overrides: Partial<RowComparerOptions> = {}): RowComparer {
  return new RowComparer({
    vocabSize: V,
    logitsFormat: 'BFP8_B',
    tieUlps: 1,
    semantics: 'strict',
    pccMinimum: 0.79,
    ...overrides,
  });
}

const compare = (g: Float32Array, a: Float32Array) => comparer().compareRow(g, a, { nextTokenId: 14 });

/** Straight from the definitions, with the engine's own exp and log. */
function softmaxByDefinition(row: Float32Array): number[] {
  const max = row.reduce((a, b) => Math.max(a, b));
  const exponentials = Array.from(row, (value) => Math.exp(value - max));
  const sum = exponentials.reduce((a, b) => a + b);
  return exponentials.map((value) => value / sum);
}
const klByDefinition = (p: number[], q: number[]): number =>
  p.reduce((sum, pi, i) => sum + pi * Math.log(pi / q[i]!), 0);

describe('RowComparer', () => {
  it.each([0.02, 0.3, 3])('finds the divergences of their definitions at noise %f', (noiseSd) => {
    const device = noisyRowExample(golden, noiseSd, 5);
    const [p, q] = [softmaxByDefinition(golden), softmaxByDefinition(device)];
    const { distribution } = compare(golden, device);
    expect(distribution!.klNats).toBeCloseTo(klByDefinition(p, q), 12);
    expect(distribution!.klReverseNats).toBeCloseTo(klByDefinition(q, p), 12);
    expect(distribution!.textToken!.probability.golden).toBeCloseTo(p[14]!, 12);
    expect(distribution!.textToken!.logRatio).toBeCloseTo(Math.log(q[14]! / p[14]!), 12);
  });

  it('finds PCC, moments and extremes', () => {
    const { correlation, moments } = compare(golden, actual);
    const direct = correlate(golden, actual);
    expect(correlation.kind === 'defined' && direct.kind === 'defined' && correlation.pcc).toBeCloseTo(
      direct.kind === 'defined' ? direct.pcc : Number.NaN,
      12,
    );
    const errors = Array.from(actual, (value, i) => Math.abs(value - golden[i]!));
    const worst = errors.reduce((a, b) => Math.max(a, b));
    expect(moments!.maxAbs).toBe(worst);
    expect(moments!.maxAbsIndex).toBe(errors.indexOf(worst));
    expect(moments!.meanAbs).toBeCloseTo(errors.reduce((a, b) => a + b) / V, 12);
    expect(moments!.residualSd).toBeCloseTo(0.3, 2);
  });

  it.each([
    { name: 'gain', change: (value: number) => 0.5 * value, gain: 0.5, offset: 0 },
    { name: 'offset', change: (value: number) => value + 5, gain: 1, offset: 5 },
  ])('tells a pure $name from noise, to which PCC is blind', ({ change, gain, offset }) => {
    const { moments, correlation, distribution } = compare(golden, golden.map(change));
    expect(moments!.gain).toBeCloseTo(gain, 6);
    expect(moments!.offset).toBeCloseTo(offset, 6);
    expect(moments!.residualSd).toBeLessThan(1e-6);
    expect(correlation.kind === 'defined' && correlation.pcc).toBeCloseTo(1, 12);
    if (gain === 1) expect(distribution!.klNats).toBeLessThan(1e-6);
    else expect(distribution!.klNats).toBeGreaterThan(0.1);
  });

  it('lists and ranks the best tokens, equal ones by lower id', () => {
    const row = golden.slice();
    row[4000] = row[7]!;
    const { choice } = compare(golden, row);
    const sorted = (r: Float32Array) => Array.from(r.keys()).sort((i, j) => r[j]! - r[i]! || i - j);
    expect(choice!.topGolden.map(({ id }) => id)).toEqual(sorted(golden).slice(0, 10));
    expect(choice!.topActual.map(({ id }) => id)).toEqual(sorted(row).slice(0, 10));
    expect(choice!.topActual.map(({ otherRank }) => otherRank)).toEqual(
      sorted(row)
        .slice(0, 10)
        .map((id) => sorted(golden).indexOf(id) + 1),
    );
    expect(choice).toMatchObject({ flip: 'none', goldenRankOnActual: 1, overlap5: 4, overlap10: 9 });
  });

  it('counts NaN, and computes nothing from a row that has one', () => {
    const broken = actual.map((value, i) => (i % 10 < 3 ? Number.NaN : value));
    const metrics = compare(golden, broken);
    expect(metrics.hygiene.nan).toEqual({ golden: 0, actual: 1500 });
    expect(metrics.correlation).toEqual({ kind: 'undefined', reason: 'not finite' });
    expect(metrics).toMatchObject({ moments: null, distribution: null, choice: null });
    expect(metrics.pccJudgement.outcome).toBe('invalid');
  });

  it('leaves out what both sides mask, and keeps vocabulary ids', () => {
    const isMasked = (i: number): boolean => i < 10;
    const mask = (row: Float32Array) => row.map((value, i) => (isMasked(i) ? Number.NEGATIVE_INFINITY : value));
    const metrics = compare(mask(golden), mask(actual));
    const rest = comparer({ vocabSize: V - 10 }).compareRow(golden.slice(10), actual.slice(10), { nextTokenId: 4 });
    expect(metrics.hygiene.maskedPairs).toBe(10);
    expect(metrics.moments).toEqual({ ...rest.moments, maxAbsIndex: rest.moments!.maxAbsIndex + 10 });
    expect(metrics.distribution!.klNats).toBe(rest.distribution!.klNats);
    expect(metrics.choice!.top1.golden).toBe(rest.choice!.top1.golden + 10);
  });

  it('names a block of the vocabulary that is constant on the device only', () => {
    const stuck = actual.map((value, i) => (i >= 1024 && i < 3072 ? 0 : value));
    const { hygiene } = compare(golden, stuck);
    expect(hygiene.constantBlocks).toEqual([{ from: 1024, to: 3072, value: 0 }]);
    expect(hygiene.zeros.actual).toBe(2048);
    expect(compare(stuck, stuck).hygiene.constantBlocks).toEqual([]);
  });

  it('gives a constant row no correlation', () => {
    const metrics = compare(golden, new Float32Array(V).fill(3));
    expect(metrics.correlation).toEqual({ kind: 'undefined', reason: 'actual is constant' });
    expect(metrics.hygiene.constantRow).toEqual({ golden: false, actual: true });
  });

  it('correlates the device with the golden row before, and with one of another prompt', () => {
    const rows = comparer();
    const other = goldenRowExample(V, 77);
    expect(rows.compareRow(other, other, { nextTokenId: null }).controls).toEqual({
      pccPreviousGolden: null,
      pccUnrelatedGolden: null,
    });
    rows.startPrompt();
    rows.compareRow(golden, golden, { nextTokenId: null });
    const { controls } = rows.compareRow(other, actual, { nextTokenId: null });
    const [previous, unrelated] = [correlate(golden, actual), correlate(other, actual)];
    expect(controls.pccPreviousGolden).toBeCloseTo(previous.kind === 'defined' ? previous.pcc : Number.NaN, 10);
    expect(controls.pccUnrelatedGolden).toBeCloseTo(unrelated.kind === 'defined' ? unrelated.pcc : Number.NaN, 10);
    expect(controls.pccPreviousGolden).toBeGreaterThan(controls.pccUnrelatedGolden!);
  });

  it('gives the same numbers however often it is used', () => {
    const rows = comparer();
    rows.compareRow(actual, golden, { nextTokenId: null });
    rows.startPrompt();
    expect({ ...rows.compareRow(golden, actual, { nextTokenId: 14 }), controls: null }).toEqual({
      ...compare(golden, actual),
      controls: null,
    });
  });

  it('refuses rows of another vocabulary', () => {
    expect(() => compare(golden, actual.subarray(1))).toThrow(ComparisonInvalidError);
  });
});
