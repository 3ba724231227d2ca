// Nine digits of what is derived, all of what is compared with a limit.
import { describe, expect, it } from 'vitest';
import { goldenRowExample, noisyRowExample } from './random-rows.fixture.ts';
import { roundDerived } from './round-metrics.ts';
import { RowComparer } from './row-comparer.ts';

describe('roundDerived', () => {
  it.each([
    [1 / 3, 0.333333333],
    [-12345.6789012, -12345.6789],
    [1.0000000004, 1],
    [1.000000006, 1.00000001],
    [-0, 0],
    [Number.NaN, Number.NaN],
    [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ])('makes %f to %f', (value, rounded) => {
    expect(Object.is(roundDerived(value), rounded)).toBe(true);
  });
});

describe('metrics', () => {
  const V = 2048;
  const golden = goldenRowExample(V, 1);
  const actual = noisyRowExample(golden, 0.3, 2);
  const rows = new RowComparer({
    vocabSize: V,
    logitsFormat: 'F32',
    tieUlps: 1,
    semantics: 'strict',
    pccMinimum: 0.79,
  });
  rows.compareRow(actual, golden, { nextTokenId: 3 });
  const metrics = rows.compareRow(golden, actual, { nextTokenId: 3 });
  const isRounded = (value: number): boolean => value === Number(value.toPrecision(9));

  it('that are derived have nine digits', () => {
    const { min, max, maxAbsIndex, sd, ...moments } = metrics.moments!;
    const { logNormaliser, textToken, klReverseNats } = metrics.distribution!;
    const { margin, ulp, marginUlps } = metrics.choice!;
    const derived = [
      ...Object.values(moments),
      ...Object.values(sd),
      ...Object.values(logNormaliser),
      ...Object.values(textToken!.probability),
      textToken!.logRatio,
      klReverseNats,
      ...Object.values(margin),
      ulp,
      marginUlps,
      ...Object.values(metrics.controls),
    ];
    expect(derived).toHaveLength(23);
    for (const value of derived) expect(value).toSatisfy(isRounded);
  });

  it('that thresholds are held against keep all digits, and logits stay float32', () => {
    expect(metrics.pccJudgement.pcc).not.toSatisfy(isRounded);
    expect(metrics.distribution!.klNats).not.toSatisfy(isRounded);
    for (const { logit } of metrics.choice!.top) expect(Math.fround(logit.actual)).toBe(logit.actual);
    expect(metrics.moments!.max.actual).toBe(actual.reduce((a, b) => Math.max(a, b)));
  });
});
