// Laws of a row's metrics: they depend on their own prompt, and never on rows that follow.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GoldenRows } from './golden-rows.ts';
import { goldenRowExample, noisyRowExample } from './random-rows.fixture.ts';
import { RowComparer } from './row-comparer.ts';

const V = 200;
const comparer = (goldenRows?: GoldenRows): RowComparer =>
  new RowComparer({
    vocabSize: V,
    logitsFormat: 'BFP8_B',
    tieUlps: 1,
    semantics: 'strict',
    pccMinimum: 0.79,
    goldenRows,
  });

/** Rows of all kinds that a comparer may have seen: honest, constant, masked, not finite. */
const rowPair = fc
  .record({
    seed: fc.nat(),
    kind: fc.constantFrom('honest', 'constant', 'masked', 'lone mask', 'NaN'),
    at: fc.nat(V - 1),
  })
  .map(({ seed, kind, at }) => {
    const golden = goldenRowExample(V, seed);
    const actual = noisyRowExample(golden, 0.3, seed + 1);
    if (kind === 'constant') actual.fill(0.1);
    if (kind === 'masked') golden[at] = Number.NEGATIVE_INFINITY;
    if (kind === 'masked' || kind === 'lone mask') actual[at] = Number.NEGATIVE_INFINITY;
    if (kind === 'NaN') actual[at] = Number.NaN;
    return { golden, actual };
  });
const prompt = fc.array(rowPair, { minLength: 1, maxLength: 5 });
type Rows = readonly { readonly golden: Float32Array; readonly actual: Float32Array }[];

function metricsOf(rows: RowComparer, of: Rows) {
  rows.startPrompt();
  return of.map(({ golden, actual }) => rows.compareRow(golden, actual, { nextTokenId: 7 }));
}

describe('the metrics of a prompt', () => {
  it('are the same whatever prompts came before it', () => {
    fc.assert(
      fc.property(fc.array(prompt, { maxLength: 3 }), prompt, (before, last) => {
        const used = comparer();
        for (const rows of before) metricsOf(used, rows);
        expect(metricsOf(used, last)).toEqual(metricsOf(comparer(), last));
      }),
      { numRuns: 200 },
    );
  });

  it('do not look ahead: a row’s are the same whatever rows follow', () => {
    fc.assert(
      fc.property(prompt, prompt, (head, tail) => {
        const whole = metricsOf(comparer(), [...head, ...tail]);
        expect(whole.slice(0, head.length)).toEqual(metricsOf(comparer(), head));
      }),
      { numRuns: 100 },
    );
  });

  it('have the same bits where golden rows are measured once for several variants', () => {
    fc.assert(
      fc.property(prompt, fc.nat(), (rows, seed) => {
        const others = rows.map(({ golden, actual }, i) => ({
          golden,
          actual: noisyRowExample(actual, 0.1, seed + i),
        }));
        const goldenRows = new GoldenRows();
        const keys = rows.map(() => ({}));
        for (const variant of [rows, others]) {
          const shared = comparer(goldenRows);
          const metrics = variant.map(({ golden, actual }, i) =>
            shared.compareRow(golden, actual, { nextTokenId: 7, goldenKey: keys[i]! }),
          );
          expect(metrics).toStrictEqual(metricsOf(comparer(), variant));
        }
      }),
      { numRuns: 100 },
    );
  });

  it('leave the rows as they were', () => {
    fc.assert(
      fc.property(prompt, (rows) => {
        const copies = rows.map(({ golden, actual }) => ({ golden: golden.slice(), actual: actual.slice() }));
        metricsOf(comparer(), rows);
        expect(rows).toEqual(copies);
      }),
      { numRuns: 50 },
    );
  });
});
