// Rows at the edge of what can be compared: masked, tiny, judged by other semantics.
import { describe, expect, it } from 'vitest';
import { RowComparer, type RowComparerOptions } from './row-comparer.ts';

const { NEGATIVE_INFINITY: masked } = Number;

function comparer(vocabSize: number, overrides: Partial<RowComparerOptions> = {}): RowComparer {
  return new RowComparer({
    vocabSize,
    logitsFormat: 'F32',
    tieUlps: 1,
    semantics: 'strict',
    pccMinimum: 0.9,
    ...overrides,
  });
}
const compare = (golden: number[], actual: number[], nextTokenId: number | null, options = {}) =>
  comparer(golden.length, options).compareRow(Float32Array.from(golden), Float32Array.from(actual), { nextTokenId });

describe('the text’s own token', () => {
  it('is as probable as each side’s softmax says', () => {
    const { distribution } = compare([0, Math.fround(Math.log(3))], [0, 0], 1);
    expect(distribution!.textToken).toEqual({
      id: 1,
      probability: { golden: expect.closeTo(0.75, 6), actual: expect.closeTo(0.5, 8) },
      logRatio: expect.closeTo(Math.log(0.5 / 0.75), 6),
    });
  });

  it('does not exist where the text ends or both sides mask it', () => {
    expect(compare([1, 2, 3], [1, 2, 4], null).distribution!.textToken).toBeNull();
    expect(compare([masked, 2, 3], [masked, 2, 4], 0).distribution!.textToken).toBeNull();
    expect(compare([masked, 2, 3], [masked, 2, 4], 1).distribution!.textToken).toMatchObject({ id: 1 });
  });
});

describe('a row that is masked whole', () => {
  it('has nothing to compare', () => {
    const metrics = compare([masked, masked], [masked, masked], 0);
    expect(metrics).toMatchObject({ moments: null, distribution: null, choice: null });
    expect(metrics.correlation).toEqual({ kind: 'undefined', reason: 'fewer than two values' });
    expect(metrics.pccJudgement).toEqual({ semantics: 'strict', outcome: 'invalid', pcc: null });
  });
});

describe('a vocabulary of one', () => {
  it('leaves nothing to choose', () => {
    expect(compare([1], [2], null).choice).toBeNull();
    expect(compare([1, 2], [1, 2], null).choice).toMatchObject({ top1: { golden: 1, actual: 1 }, overlap10: 2 });
  });
});

describe('the choice', () => {
  it('has each side’s margin and the ranks that each gives to the other’s', () => {
    expect(compare([1, 5, 3, 4], [2, 0, 6, 1], null).choice).toMatchObject({
      top1: { golden: 1, actual: 2 },
      margin: { golden: 1, actual: 4 },
      goldenRankOnActual: 4,
      actualRankOnGolden: 3,
      flip: 'real',
    });
  });
});

describe('judgement', () => {
  it('is by the semantics that was asked for, the metrics are not', () => {
    const strict = compare([1, 2, 3], [3, 3, 3], null);
    const legacy = compare([1, 2, 3], [3, 3, 3], null, { semantics: 'tt-legacy' });
    expect(strict.pccJudgement).toEqual({ semantics: 'strict', outcome: 'undefined', pcc: null });
    expect(legacy.pccJudgement).toEqual({ semantics: 'tt-legacy', outcome: 'pass', pcc: 1 });
    expect({ ...legacy, pccJudgement: null }).toEqual({ ...strict, pccJudgement: null });
  });

  it('takes the minimum in', () => {
    const half = { pccMinimum: 0.5 };
    expect(compare([1, 2, 3], [1, 3, 2], null, half).pccJudgement).toMatchObject({ outcome: 'pass', pcc: 0.5 });
    expect(compare([1, 2, 3], [1, 3, 2], null, { pccMinimum: 0.500001 }).pccJudgement.outcome).toBe('fail');
  });
});

describe('controls', () => {
  it('leave out masked rows, and the row after one has no row before it', () => {
    const rows = comparer(4);
    const feed = (values: number[]) =>
      rows.compareRow(Float32Array.from(values), Float32Array.from(values), { nextTokenId: null }).controls;
    feed([1, 2, 3, 4]);
    expect(feed([masked, 3, 2, 1])).toEqual({
      pccPreviousGolden: null,
      pccPreviousActual: null,
      pccUnrelatedGolden: null,
    });
    expect(feed([4, 3, 2, 1])).toEqual({ pccPreviousGolden: null, pccPreviousActual: null, pccUnrelatedGolden: -1 });
  });

  it('keep their own copies of the rows', () => {
    const rows = comparer(3);
    const [golden, actual] = [Float32Array.of(1, 2, 3), Float32Array.of(1, 2, 3)];
    rows.compareRow(golden, actual, { nextTokenId: null });
    golden.fill(0);
    actual.fill(0);
    const next = Float32Array.of(3, 2, 1);
    expect(rows.compareRow(next, next, { nextTokenId: null }).controls).toEqual({
      pccPreviousGolden: -1,
      pccPreviousActual: -1,
      pccUnrelatedGolden: -1,
    });
  });
});
