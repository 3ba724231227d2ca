// What a failing row looks like: its neighbour's, filtered scores, a penalty.
import { describe, expect, it } from 'vitest';
import { goldenRowExample, noisyRowExample } from '../metrics/random-rows.fixture.ts';
import { RowComparer } from '../metrics/row-comparer.ts';
import { recordExample } from './record.fixture.ts';
import { describeSymptom, describeSymptoms, findSymptom } from './symptoms.ts';

const facts = (pcc: number | null, pccPreviousGolden: number | null, pccPreviousActual: number | null = null) => ({
  hygiene: recordExample().hygiene,
  pccJudgement: { pcc },
  controls: { pccPreviousGolden, pccPreviousActual, pccUnrelatedGolden: null },
});

describe('findSymptom', () => {
  it.each([
    { name: 'a row of the position before', given: facts(0.5, 0.9), symptom: 'behind' },
    { name: 'a row below the floor', given: facts(0.5, 0.89999), symptom: null },
    { name: 'neighbours that are alike, the own row worse', given: facts(0.99, 0.9975), symptom: 'behind' },
    { name: 'less distance than a quarter', given: facts(0.99, 0.9974), symptom: null },
    { name: 'chance among broken rows', given: facts(0.96457, 0.96975), symptom: null },
    { name: 'the honest order', given: facts(0.9997, 0.9996, 0.9996), symptom: null },
    { name: 'equal fits', given: facts(1, 1, 1), symptom: null },
    { name: 'the row shown one position too early', given: facts(0.5, 0.4, 0.999), symptom: 'ahead' },
    { name: 'two rows exchanged', given: facts(0.5, 0.998, 0.999), symptom: 'ahead' },
    { name: 'two rows exchanged, the other way', given: facts(0.5, 0.999, 0.998), symptom: 'behind' },
    { name: 'no row before', given: facts(0.5, null), symptom: null },
    { name: 'no PCC of its own', given: facts(null, 0.999), symptom: null },
  ])('says $symptom of $name', ({ given, symptom }) => {
    expect(findSymptom(given)).toBe(symptom);
  });
});

describe('describeSymptom', () => {
  it('names the neighbour and its PCC', () => {
    expect(describeSymptom(facts(0.5, 0.9995))).toBe(
      "it fits golden's row of the position before (PCC 0.99950) better than its own",
    );
    expect(describeSymptom(facts(0.5, null, 0.9995))).toBe(
      "golden's row here fits the device's row of the position before (PCC 0.99950) better than this one",
    );
    expect(describeSymptom(facts(0.9995, 0.5))).toBeNull();
  });

  it.each([
    { shift: -1, symptom: 'behind' },
    { shift: 1, symptom: 'ahead' },
  ])('finds rows that are $symptom from the rows themselves', ({ shift, symptom }) => {
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
      findSymptom(rows.compareRow(goldens[t]!, actuals[t + shift]!, { nextTokenId: null })),
    );
    expect(found).toEqual([null, symptom, symptom, symptom]);
  });
});

describe('a filter', () => {
  const filtered = (golden: number, actual: number, maskedPairs: number) => ({
    ...facts(0.5, 0.999),
    hygiene: { ...recordExample().hygiene, negativeInfinity: { golden, actual }, maskedPairs },
  });

  it.each([
    { name: 'half of the vocabulary on one side', given: filtered(0, 50, 0), symptom: 'behind' },
    { name: 'more than half on the device', given: filtered(0, 51, 0), symptom: 'filtered' },
    { name: 'more than half on the reference', given: filtered(51, 0, 0), symptom: 'filtered' },
    { name: 'a mask that both sides share', given: filtered(80, 90, 80), symptom: 'behind' },
  ])('of $name gives $symptom', ({ given, symptom }) => {
    expect(findSymptom(given)).toBe(symptom);
  });

  it('is told with what to do', () => {
    expect(describeSymptom(filtered(0, 80, 0))).toBe(
      'these look like scores after top-k or top-p: record the raw logits (output_logits=True in Transformers)',
    );
  });
});

describe('describeSymptoms', () => {
  const none = { broken: 4, behind: 0, ahead: 0, filtered: 0 };
  it.each([
    { counts: none, says: null },
    { counts: { ...none, broken: 0 }, says: null },
    { counts: { ...none, behind: 1 }, says: null },
    {
      counts: { ...none, behind: 2 },
      says: "2 of 4 broken tokens fit golden's row of the position before: the device is a position behind",
    },
    {
      counts: { ...none, ahead: 4 },
      says: "4 of 4 broken tokens fit golden's row of the position after: the device is a position ahead",
    },
    {
      counts: { ...none, filtered: 2, behind: 2 },
      says: '2 of 4 broken tokens look like scores after top-k or top-p: record the raw logits (output_logits=True in Transformers)',
    },
  ])('says $says of $counts', ({ counts, says }) => {
    expect(describeSymptoms(counts)).toBe(says);
  });
});
