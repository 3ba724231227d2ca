// Every statistic of a pair of rows against its definition.
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
    // Derived numbers are handed out with nine significant digits: half a unit of the ninth is 5e-10 below 1, 5e-9 above.
    expect(distribution!.klReverseNats).toBeCloseTo(klByDefinition(q, p), 9);
    expect(distribution!.textToken!.probability.golden).toBeCloseTo(p[14]!, 9);
    expect(distribution!.textToken!.logRatio).toBeCloseTo(Math.log(q[14]! / p[14]!), 8);
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
    expect(moments!.maxAbs).toBeCloseTo(worst, 8);
    expect(moments!.maxAbsIndex).toBe(errors.indexOf(worst));
    expect(moments!.meanAbs).toBeCloseTo(errors.reduce((a, b) => a + b) / V, 9);
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
    const [best, other] = [sorted(golden).slice(0, 10), sorted(row).slice(0, 10)];
    expect(choice!.top).toEqual(
      [...best, ...other.filter((id) => !best.includes(id))].map((id) => ({
        id,
        logit: { golden: golden[id], actual: row[id] },
        rank: { golden: sorted(golden).indexOf(id) + 1, actual: sorted(row).indexOf(id) + 1 },
      })),
    );
    expect(choice!.top).toHaveLength(11);
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

  it('tells the logarithm of the sum of exponentials, from which every probability follows', () => {
    const { distribution, choice } = compare(golden, actual);
    const [p, q] = [softmaxByDefinition(golden), softmaxByDefinition(actual)];
    for (const { id, logit } of choice!.top) {
      // Nine digits of a normaliser near 20 leave 5e-8 in the exponent.
      expect(Math.exp(logit.golden - distribution!.logNormaliser.golden) / p[id]!).toBeCloseTo(1, 6);
      expect(Math.exp(logit.actual - distribution!.logNormaliser.actual) / q[id]!).toBeCloseTo(1, 6);
    }
  });

  describe('controls', () => {
    const pcc = (g: Float32Array, a: Float32Array): number => {
      const correlation = correlate(g, a);
      return correlation.kind === 'defined' ? correlation.pcc : Number.NaN;
    };
    const goldens = [21, 22, 23].map((seed) => goldenRowExample(V, seed));
    const actuals = goldens.map((row, i) => noisyRowExample(row, 1, 30 + i));
    const controlsOf = (rows: RowComparer) =>
      goldens.map((row, i) => rows.compareRow(row, actuals[i]!, { nextTokenId: null }).controls);

    it('correlate across positions: behind, ahead, and with the prompt’s first row', () => {
      const [first, second, third] = controlsOf(comparer());
      expect(first).toEqual({ pccPreviousGolden: null, pccPreviousActual: null, pccUnrelatedGolden: null });
      expect(second!.pccPreviousGolden).toBeCloseTo(pcc(goldens[0]!, actuals[1]!), 8);
      expect(second!.pccUnrelatedGolden).toBe(second!.pccPreviousGolden);
      expect(third!.pccPreviousGolden).toBeCloseTo(pcc(goldens[1]!, actuals[2]!), 8);
      expect(third!.pccPreviousActual).toBeCloseTo(pcc(goldens[2]!, actuals[1]!), 8);
      expect(third!.pccUnrelatedGolden).toBeCloseTo(pcc(goldens[0]!, actuals[2]!), 8);
    });

    it('are those of the prompt alone, whatever came before it', () => {
      const alone = controlsOf(comparer());
      const rows = comparer();
      rows.compareRow(golden, actual, { nextTokenId: null });
      rows.compareRow(actual, golden, { nextTokenId: null });
      rows.startPrompt();
      expect(controlsOf(rows)).toEqual(alone);
    });

    it('skip a position that cannot be compared, but keep the first row', () => {
      const rows = comparer();
      rows.compareRow(goldens[0]!, actuals[0]!, { nextTokenId: null });
      const broken = actuals[1]!.map((value, i) => (i === 3 ? Number.NaN : value));
      expect(rows.compareRow(goldens[1]!, broken, { nextTokenId: null }).controls.pccUnrelatedGolden).toBeNull();
      const { controls } = rows.compareRow(goldens[2]!, actuals[2]!, { nextTokenId: null });
      expect(controls).toMatchObject({ pccPreviousGolden: null, pccPreviousActual: null });
      expect(controls.pccUnrelatedGolden).toBeCloseTo(pcc(goldens[0]!, actuals[2]!), 8);
    });

    it('do not exist for a constant row, whose mean need not be its value', () => {
      const rows = comparer();
      const constant = new Float32Array(V).fill(0.1);
      rows.compareRow(golden, constant, { nextTokenId: null });
      expect(rows.compareRow(golden, constant, { nextTokenId: null }).controls).toEqual({
        pccPreviousGolden: null,
        pccPreviousActual: null,
        pccUnrelatedGolden: null,
      });
    });
  });

  it('hands out numbers that JSON brings back as they were', () => {
    const signed = actual.map((value, i) => (i === 5 ? -0 : value));
    const rows = comparer();
    rows.compareRow(golden, actual, { nextTokenId: 14 });
    const metrics = rows.compareRow(golden, signed, { nextTokenId: 14 });
    expect(JSON.parse(JSON.stringify(metrics))).toEqual(metrics);
    const zeros = new Float32Array(V).fill(-0);
    for (const [g, a] of [
      [golden, zeros],
      [zeros, actual],
      [zeros, zeros],
    ] as const) {
      const zero = compare(g, a);
      expect(JSON.parse(JSON.stringify(zero))).toEqual(zero);
    }
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
    expect(() => compare(golden.subarray(2), actual)).toThrow(
      expect.objectContaining({
        code: 'ROW_LENGTH',
        exitCode: 4,
        facts: { golden: '4998 values', actual: '5000 values', wanted: '5000 values' },
        message: expect.stringMatching(
          /^logits rows are not as long as the vocabulary\.[\s\S]*\n {2}hint: cut both rows/,
        ),
      }),
    );
  });
});
