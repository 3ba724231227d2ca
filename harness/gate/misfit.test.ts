import { describe, expect, it } from 'vitest';
import { goldenRowExample, noisyRowExample } from '../metrics/random-rows.fixture.ts';
import { RowComparer } from '../metrics/row-comparer.ts';
import { describeMisfit, findMisfit } from './misfit.ts';

const facts = (pcc: number | null, pccPreviousGolden: number | null, pccPreviousActual: number | null = null) => ({
  pccJudgement: { pcc },
  controls: { pccPreviousGolden, pccPreviousActual, pccUnrelatedGolden: null },
});

describe('findMisfit', () => {
  it.each([
    { name: 'a row of the position before', given: facts(0.5, 0.9), misfit: 'behind' },
    { name: 'a row below the floor', given: facts(0.5, 0.89999), misfit: null },
    { name: 'neighbours that are alike, the own row worse', given: facts(0.99, 0.9975), misfit: 'behind' },
    { name: 'less distance than a quarter', given: facts(0.99, 0.9974), misfit: null },
    { name: 'chance among broken rows', given: facts(0.96457, 0.96975), misfit: null },
    { name: 'the honest order', given: facts(0.9997, 0.9996, 0.9996), misfit: null },
    { name: 'equal fits', given: facts(1, 1, 1), misfit: null },
    { name: 'the row shown one position too early', given: facts(0.5, 0.4, 0.999), misfit: 'ahead' },
    { name: 'two rows exchanged', given: facts(0.5, 0.998, 0.999), misfit: 'ahead' },
    { name: 'two rows exchanged, the other way', given: facts(0.5, 0.999, 0.998), misfit: 'behind' },
    { name: 'no row before', given: facts(0.5, null), misfit: null },
    { name: 'no PCC of its own', given: facts(null, 0.999), misfit: null },
  ])('says $misfit of $name', ({ given, misfit }) => {
    expect(findMisfit(given)).toBe(misfit);
  });
});

describe('describeMisfit', () => {
  it('names the neighbour and its PCC', () => {
    expect(describeMisfit(facts(0.5, 0.9995))).toBe(
      "it fits golden's row of the position before (PCC 0.99950) better than its own",
    );
    expect(describeMisfit(facts(0.5, null, 0.9995))).toBe(
      "golden's row here fits the device's row of the position before (PCC 0.99950) better than this one",
    );
    expect(describeMisfit(facts(0.9995, 0.5))).toBeNull();
  });

  it.each([
    { shift: -1, misfit: 'behind' },
    { shift: 1, misfit: 'ahead' },
  ])('finds rows that are $misfit from the rows themselves', ({ shift, misfit }) => {
    const V = 1024;
    const goldens = Array.from({ length: 6 }, (_, i) => goldenRowExample(V, 40 + i));
    const actuals = goldens.map((row, i) => noisyRowExample(row, 0.05, i));
    const rows = new RowComparer({
      vocabSize: V,
      logitsFormat: 'BF16',
      tieUlps: 1,
      semantics: 'strict',
      pccMinimum: 0.79,
    });
    const found = [1, 2, 3, 4].map((t) =>
      findMisfit(rows.compareRow(goldens[t]!, actuals[t + shift]!, { nextTokenId: null })),
    );
    expect(found).toEqual([null, misfit, misfit, misfit]);
  });
});
