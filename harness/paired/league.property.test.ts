// Laws of paired comparisons: what may not change a word, and what shifts or mirrors an interval.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DefinedEstimate, estimatePaired, type PairedEstimate } from './estimate.ts';
import { type Comparison, judgeLeague } from './league.ts';
import { madeUpDifferences } from './made-up-differences.fixture.ts';
import { KL, LOG_P } from './paired-metrics.ts';
import type { PairedSample } from './paired-sample.ts';

const RESAMPLING = { resamples: 300, seed: 1 };
const RUNS = { numRuns: 60 };
const estimate = (sample: PairedSample): PairedEstimate => estimatePaired(sample, { ...RESAMPLING, isOfHits: false });

const sample = fc
  .record({
    lengths: fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 12 }),
    baseNats: fc.constantFrom(0.001, 0.01, 0.05),
    shiftNats: fc.constantFrom(0, 0.003, 0.02, -0.02),
    seed: fc.nat(),
  })
  .map(({ seed, ...model }) => madeUpDifferences(model, seed));

function promptsOf({ lengths, differences }: PairedSample): Float64Array[] {
  let start = 0;
  return Array.from(lengths, (length) => {
    start += length;
    return differences.subarray(start - length, start);
  });
}

function joined(prompts: readonly Float64Array[]): PairedSample {
  return {
    lengths: prompts.map(({ length }) => length),
    differences: Float64Array.from(prompts.flatMap((one) => [...one])),
  };
}

const changed = (of: PairedSample, change: (difference: number) => number): PairedSample => ({
  lengths: of.lengths,
  differences: of.differences.map(change),
});

/** The interval of `found` is that which `change` makes of `of`'s, but for rounding. */
function expectInterval(
  found: PairedEstimate,
  of: PairedEstimate,
  change: (interval: DefinedEstimate['interval']) => object,
) {
  expect(found.kind).toBe(of.kind);
  if (found.kind === 'undefined' || of.kind === 'undefined') return;
  const wanted = change(of.interval) as DefinedEstimate['interval'];
  expect(found.interval.lower).toBeCloseTo(wanted.lower, 9);
  expect(found.interval.upper).toBeCloseTo(wanted.upper, 9);
}

describe('an estimate', () => {
  it('does not depend on the order of prompts, not in one bit', () => {
    const shuffled = sample.chain((of) =>
      fc.record({
        of: fc.constant(of),
        prompts: fc.shuffledSubarray(promptsOf(of), { minLength: of.lengths.length, maxLength: of.lengths.length }),
      }),
    );
    fc.assert(
      fc.property(shuffled, ({ of, prompts }) => {
        expect(estimate(joined(prompts))).toEqual(estimate(of));
      }),
      RUNS,
    );
  });

  it('is shifted by a constant that is added to every difference', () => {
    fc.assert(
      fc.property(sample, fc.double({ min: -1, max: 1, noNaN: true }), (of, shift) => {
        expectInterval(estimate(changed(of, (one) => one + shift)), estimate(of), ({ lower, upper }) => ({
          lower: lower + shift,
          upper: upper + shift,
        }));
      }),
      RUNS,
    );
  });

  it('is mirrored where base and variant change places', () => {
    fc.assert(
      fc.property(sample, (of) => {
        expectInterval(estimate(changed(of, (one) => -one)), estimate(of), ({ lower, upper }) => ({
          lower: -upper,
          upper: -lower,
        }));
      }),
      RUNS,
    );
  });

  it('repeats with its seed, and leaves the sample as it was', () => {
    fc.assert(
      fc.property(sample, (of) => {
        const copy = of.differences.slice();
        expect(estimate(of)).toEqual(estimate(of));
        expect(of.differences).toEqual(copy);
      }),
      RUNS,
    );
  });

  it('holds its mean inside its interval', () => {
    fc.assert(
      fc.property(sample, (of) => {
        const found = estimate(of);
        if (found.kind === 'undefined') return;
        expect(found.interval.lower).toBeLessThanOrEqual(found.mean);
        expect(found.interval.upper).toBeGreaterThanOrEqual(found.mean);
        expect(found.p).toBeGreaterThanOrEqual(0);
        expect(found.p).toBeLessThanOrEqual(1);
      }),
      RUNS,
    );
  });
});

describe('a league', () => {
  const league = fc.array(
    fc.record({ name: fc.string(), metric: fc.constantFrom(KL, LOG_P), sample }) as fc.Arbitrary<Comparison>,
    { minLength: 1, maxLength: 5 },
  );
  const words = (of: readonly Comparison[]) => judgeLeague(of, RESAMPLING).map(({ verdict }) => verdict);

  it('says the same of each variant in any order', () => {
    fc.assert(
      fc.property(league, fc.nat(), (of, by) => {
        const turned = of.map((_, i) => of[(i + by) % of.length]!);
        const found = words(turned);
        const wanted = words(of);
        expect(found).toEqual(of.map((_, i) => wanted[(i + by) % of.length]!));
      }),
      RUNS,
    );
  });

  it('says the same of a variant that stands in it twice', () => {
    fc.assert(
      fc.property(league, (of) => {
        const doubled = words([...of, of[0]!]);
        expect(doubled.at(-1)).toEqual(doubled[0]);
      }),
      RUNS,
    );
  });

  it('that grows never turns undecided into better or worse', () => {
    fc.assert(
      fc.property(league, league, (of, more) => {
        const small = words(of);
        const large = words([...of, ...more]);
        for (const [i, { word }] of small.entries()) {
          if (word === 'undecided' || word === 'equivalent') expect(large[i]!.word).toBe(word);
        }
      }),
      RUNS,
    );
  });
});
