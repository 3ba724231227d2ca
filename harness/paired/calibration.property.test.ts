// How often the words are wrong, and how often a real difference is found, over hundreds of seeded comparisons.
//
// Measured with 1,000 other seeds, 5 / 8 / 16 prompts, per cent: false alarms 0.8 / 2.3 / 3.1 with small prompt effects, 1.9 / 1.9 / 2.5 with
// large ones; false `equivalent` at 0.0051 nat 1.7 / 3.0 / 3.4, of a skewed variant 3.5 / 5.9 / 5.5; 0.01 nat on 0.006 found in 99 / 99 / 100.
import { describe, expect, it } from 'vitest';
import { type DefinedEstimate, estimatePaired } from './estimate.ts';
import { judgeLeague } from './league.ts';
import {
  type DifferenceModel,
  EIGHT_PROMPTS,
  FIVE_PROMPTS,
  madeUpDifferences,
  madeUpHits,
  SIXTEEN_PROMPTS,
} from './made-up-differences.fixture.ts';
import { KL, type PairedMetric, TOP1 } from './paired-metrics.ts';
import type { PairedSample } from './paired-sample.ts';
import type { VerdictWord } from './verdict.ts';

const RUNS = 200;
/** 5 %. */
const MOST_WRONG = RUNS / 20;
/** A tenth of the default: what chance adds to the ends is small beside what differs between samples, and the suite stays quick. */
const RESAMPLING = { resamples: 1_000, seed: 1 };

/** Each comparison is a league of its own: no adjustment helps. */
function countWords(
  metric: PairedMetric,
  sampleOf: (seed: number) => PairedSample,
  runs: number = RUNS,
): Record<VerdictWord, number> {
  const counts = { better: 0, worse: 0, equivalent: 0, undecided: 0 };
  for (let run = 0; run < runs; run++) {
    const [judged] = judgeLeague([{ name: 'variant', metric, sample: sampleOf(1 + run) }], RESAMPLING);
    counts[judged!.verdict.word]++;
  }
  return counts;
}

const sets = [
  { prompts: 5, lengths: FIVE_PROMPTS },
  { prompts: 8, lengths: EIGHT_PROMPTS },
  { prompts: 16, lengths: SIXTEEN_PROMPTS },
];
const noises: readonly { readonly noise: string; readonly model: Omit<DifferenceModel, 'lengths'> }[] = [
  { noise: 'heavy-tailed tokens, small prompt effects', model: { baseNats: 0.03, promptSd: 0.003 } },
  { noise: 'large prompt effects', model: { baseNats: 0.03, promptSd: 0.01, logSd: 1.2 } },
];

describe('without a difference', () => {
  const cases = sets.flatMap((set) => noises.map((noise) => ({ ...set, ...noise })));
  it.each(cases)('$prompts prompts with $noise are called better or worse in 5 % at most', ({ lengths, model }) => {
    const { better, worse } = countWords(KL, (seed) => madeUpDifferences({ ...model, lengths }, seed));
    expect(better + worse).toBeLessThanOrEqual(MOST_WRONG);
  });

  it('the percentile bootstrap would call 8 prompts different too often, so that this test can fail', () => {
    let wrong = 0;
    for (let seed = 1; seed <= RUNS; seed++) {
      const sample = madeUpDifferences({ ...noises[0]!.model, lengths: EIGHT_PROMPTS }, seed);
      const estimate = estimatePaired(sample, { ...RESAMPLING, isOfHits: false }) as DefinedEstimate;
      const { lower, upper } = estimate.percentileInterval;
      if (lower > 0 || upper < 0) wrong++;
    }
    expect(wrong).toBeGreaterThan(MOST_WRONG);
  });

  it('a single prompt is called better or worse in 5 % at most', () => {
    const { better, worse } = countWords(KL, (seed) => madeUpDifferences({ lengths: [1_000], baseNats: 0.03 }, seed));
    expect(better + worse).toBeLessThanOrEqual(MOST_WRONG);
  });

  it.each(sets)('$prompts prompts of hits are called better or worse in 5 % at most', ({ lengths }) => {
    const { better, worse } = countWords(TOP1, (seed) => madeUpHits(lengths, { gained: 0.03, lost: 0.03 }, seed));
    expect(better + worse).toBeLessThanOrEqual(MOST_WRONG);
  });

  it('leagues of six variants have a wrong word in 5 % at most', () => {
    let wrong = 0;
    for (let league = 0; league < 100; league++) {
      const comparisons = Array.from({ length: 6 }, (_, variant) => ({
        name: `${variant}`,
        metric: KL,
        sample: madeUpDifferences(
          { lengths: EIGHT_PROMPTS, baseNats: 0.03, promptSd: 0.003 },
          1_000 * variant + league,
        ),
      }));
      const words = judgeLeague(comparisons, RESAMPLING).map(({ verdict }) => verdict.word);
      if (words.includes('better') || words.includes('worse')) wrong++;
    }
    expect(wrong).toBeLessThanOrEqual(5);
  });
});

describe('a difference just beyond the margin', () => {
  // Three times the runs: the first 200 seeds have 11 with five prompts, the next 2,800 have 40 (1.4 %), so 200 are too few to tell.
  it.each(sets)('of KL is called equivalent in 5 % at most with $prompts prompts', ({ lengths }) => {
    const model = { lengths, baseNats: 0.01, ratio: 1.51, promptSd: 0.001 };
    const { equivalent } = countWords(KL, (seed) => madeUpDifferences(model, seed), 3 * RUNS);
    expect(equivalent).toBeLessThanOrEqual(3 * MOST_WRONG);
  });

  it.each(sets)('of hits is called equivalent in 5 % at most with $prompts prompts', ({ lengths }) => {
    const shares = { gained: 0, lost: 0.0101 };
    expect(countWords(TOP1, (seed) => madeUpHits(lengths, shares, seed)).equivalent).toBeLessThanOrEqual(MOST_WRONG);
  });
});

describe('a difference of 0.01 nat', () => {
  it.each([
    { prompts: 5, lengths: FIVE_PROMPTS, baseNats: 0.006, least: 0.9 },
    { prompts: 8, lengths: EIGHT_PROMPTS, baseNats: 0.006, least: 0.95 },
    { prompts: 8, lengths: EIGHT_PROMPTS, baseNats: 0.02, least: 0.7 },
    { prompts: 16, lengths: SIXTEEN_PROMPTS, baseNats: 0.02, least: 0.95 },
  ])('on $baseNats nat is called worse in $least of all cases and more with $prompts prompts', (one) => {
    const model = { lengths: one.lengths, baseNats: one.baseNats, shiftNats: 0.01, promptSd: 0.002, logSd: 1.2 };
    const { worse, better, equivalent } = countWords(KL, (seed) => madeUpDifferences(model, seed));
    expect(worse).toBeGreaterThanOrEqual(one.least * RUNS);
    expect(better + equivalent).toBe(0);
  });
});

describe('no difference and little noise', () => {
  it.each(sets)('are called equivalent in most cases with $prompts prompts', ({ lengths }) => {
    const model = { lengths, baseNats: 0.006, promptSd: 0.0005, logSd: 1.2 };
    expect(countWords(KL, (seed) => madeUpDifferences(model, seed)).equivalent).toBeGreaterThanOrEqual(0.9 * RUNS);
  });
});

describe('the number of tokens needed', () => {
  it('is where most comparisons are decided, and the tokens seen are where few are', () => {
    const model = { baseNats: 0.02, promptSd: 0.002, logSd: 1.2 };
    const sampleOf = (lengths: readonly number[], seed: number): PairedSample =>
      madeUpDifferences({ ...model, lengths, shiftNats: 0.002 }, seed);
    const needed: number[] = [];
    for (let seed = 1; seed <= 40; seed++) {
      const [judged] = judgeLeague([{ name: '', metric: KL, sample: sampleOf(EIGHT_PROMPTS, seed) }], RESAMPLING);
      if (judged!.verdict.promptsNeeded !== null) needed.push(judged!.verdict.promptsNeeded);
    }
    expect(needed.length).toBeGreaterThanOrEqual(20);
    const prompts = needed.sort((a, b) => a - b)[needed.length >> 1]!;
    const enough = Array.from({ length: prompts }, (_, i) => EIGHT_PROMPTS[i % EIGHT_PROMPTS.length]!);
    let decided = 0;
    for (let seed = 101; seed <= 120; seed++) {
      const [judged] = judgeLeague([{ name: '', metric: KL, sample: sampleOf(enough, seed) }], RESAMPLING);
      if (judged!.verdict.word !== 'undecided') decided++;
    }
    expect(decided).toBeGreaterThanOrEqual(15);
  });
});
