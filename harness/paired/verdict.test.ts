// Words for samples whose answer is known, and that too little text decides nothing.

import { describe, expect, it } from 'vitest';
import { InternalError } from '../../src/errors.ts';
import { DEFAULT_RESAMPLING } from './bootstrap.ts';
import { criticalValue } from './cluster-robust.ts';
import { type DefinedEstimate, estimatePaired } from './estimate.ts';
import { judgeLeague } from './league.ts';
import { EIGHT_PROMPTS, FIVE_PROMPTS, madeUpDifferences } from './made-up-differences.fixture.ts';
import { KL, LOG_P, type PairedMetric, TOP1 } from './paired-metrics.ts';
import type { PairedSample } from './paired-sample.ts';
import { perplexityRatio } from './side-notes.ts';
import { judgePaired, type PairedVerdict, verdictText } from './verdict.ts';

function judge(sample: PairedSample, metric: PairedMetric): { readonly verdict: PairedVerdict; readonly text: string } {
  const [judged] = judgeLeague([{ name: 'variant', metric, sample }]);
  return { verdict: judged!.verdict, text: verdictText(judged!.estimate, judged!.verdict, metric) };
}

function constant(lengths: readonly number[], value: number): PairedSample {
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  return { lengths, differences: new Float64Array(tokens).fill(value) };
}

/** Normal-sized noise that is the same in every prompt but for its sign. */
const quiet = (shiftNats: number): PairedSample =>
  madeUpDifferences({ lengths: EIGHT_PROMPTS, baseNats: 0.003, logSd: 1, shiftNats }, 3);

describe('words', () => {
  it.each([
    { name: 'identical rows', sample: constant(EIGHT_PROMPTS, 0), metric: KL, text: 'equivalent' },
    { name: 'identical rows of one prompt', sample: constant([300], 0), metric: KL, text: 'equivalent' },
    { name: 'identical hits', sample: constant(EIGHT_PROMPTS, 0), metric: TOP1, text: 'equivalent' },
    { name: '0.01 nat more everywhere', sample: constant(FIVE_PROMPTS, 0.01), metric: KL, text: 'worse (+0.0100 nat)' },
    { name: '0.01 nat more with noise', sample: quiet(0.01), metric: KL, text: /^worse \(\+0\.0\d+ nat\)$/ },
    { name: '0.01 nat less with noise', sample: quiet(-0.01), metric: KL, text: /^better \(-0\.0\d+ nat\)$/ },
    { name: 'the text less probable', sample: quiet(-0.01), metric: LOG_P, text: /^worse/ },
    { name: 'no shift', sample: quiet(0), metric: KL, text: 'equivalent' },
    {
      name: 'a small shift',
      sample: quiet(0.002),
      metric: KL,
      text: /^equivalent \(differs by \+0\.00\d+ nat, within ±0\.0050 nat\)$/,
    },
  ])('$name in $metric.name are called $text', ({ sample, metric, text }) => {
    expect(judge(sample, metric).text).toEqual(text instanceof RegExp ? expect.stringMatching(text) : text);
  });
});

describe('too little text', () => {
  it.each([
    { name: 'no token', sample: constant([], 0), text: 'undecided (no token)' },
    { name: 'one token', sample: constant([1], 1), text: 'undecided (too few tokens for an error)' },
    { name: 'one block', sample: constant([40], 1), text: 'undecided (too few tokens for an error)' },
    { name: 'identical rows of 46 tokens', sample: constant([46, 46], 0), text: 'undecided (about 260 tokens needed)' },
    {
      name: 'a certain difference of 80 tokens',
      sample: constant(Array(8).fill(10), 9),
      text: 'undecided (about 260 tokens needed)',
    },
  ])('$name: $text', ({ sample, text }) => {
    expect(judge(sample, KL).text).toBe(text);
  });

  it('without a flip in 300 tokens does not prove that top-1 is within a point; 900 tokens do', () => {
    const { verdict } = judge(constant([100, 100, 100], 0), TOP1);
    expect(verdict.word).toBe('undecided');
    expect(verdict.tokensNeeded).toBeGreaterThan(450);
    expect(judge(constant([900], 0), TOP1).verdict.word).toBe('equivalent');
  });

  it('is no verdict where a difference is not finite', () => {
    const sample = constant([300, 300], 0);
    sample.differences[7] = Number.POSITIVE_INFINITY;
    expect(judge(sample, KL).text).toBe('undecided (a difference is not finite)');
  });
});

describe('the plan of an undecided comparison', () => {
  const noisy = madeUpDifferences({ lengths: EIGHT_PROMPTS, baseNats: 0.05, promptSd: 0.004 }, 11);

  it('has two digits, prompts beside tokens, and is more than what was judged', () => {
    const { verdict, text } = judge(noisy, KL);
    expect(verdict.word).toBe('undecided');
    expect(text).toMatch(/^undecided \(about [1-9]\d0+ tokens needed\)$/);
    expect(verdict.tokensNeeded).toBeGreaterThan(noisy.differences.length);
    const perPrompt = noisy.differences.length / EIGHT_PROMPTS.length;
    expect(verdict.promptsNeeded! * perPrompt).toBeGreaterThan(0.9 * verdict.tokensNeeded!);
  });

  it('is shorter for a wider margin, and does not exist for none', () => {
    const estimate = estimatePaired(noisy, { ...DEFAULT_RESAMPLING, isOfHits: false });
    const plan = (margin: number): number | null => judgePaired(estimate, { ...KL, margin }, 1).tokensNeeded;
    expect(plan(0.01)).toBeLessThan(plan(0.005)!);
    expect(plan(0)).toBeNull();
  });

  it('does not promise that a single prompt speaks for others', () => {
    const single = madeUpDifferences({ lengths: [300], baseNats: 0.05 }, 1);
    expect(judge(single, KL).verdict).toMatchObject({ word: 'undecided', promptsNeeded: null });
    expect(judge(single, KL).verdict.tokensNeeded).toBeGreaterThan(300);
  });
});

describe('estimatePaired', () => {
  const estimate = (lengths: readonly number[]): DefinedEstimate =>
    estimatePaired(madeUpDifferences({ lengths, baseNats: 0.03 }, 5), {
      ...DEFAULT_RESAMPLING,
      isOfHits: false,
    }) as DefinedEstimate;

  it.each([
    { lengths: EIGHT_PROMPTS, method: 'prompts', speaksFor: 'prompts like these', readings: ['prompts'] },
    { lengths: FIVE_PROMPTS, method: 'blocks', speaksFor: 'prompts like these', readings: ['blocks', 'prompts'] },
    { lengths: [640], method: 'blocks', speaksFor: 'this prompt alone', readings: ['blocks'] },
  ])('takes $method for $lengths.length prompts', ({ lengths, method, speaksFor, readings }) => {
    const { readings: found, ...rest } = estimate(lengths);
    expect(rest).toMatchObject({ kind: 'defined', method, speaksFor, prompts: lengths.length });
    expect(found.map(({ unit }) => unit)).toEqual(readings);
  });

  it('cuts prompts into blocks of about 32 tokens', () => {
    expect(estimate([640]).readings[0]!.units).toBe(20);
    expect(estimate([47, 49, 80]).readings[0]!.units).toBe(1 + 2 + 3);
  });

  it('never is narrower than one of its readings, nor surer', () => {
    const { interval, p, readings } = estimate(FIVE_PROMPTS);
    for (const reading of readings) {
      expect(interval.lower).toBeLessThanOrEqual(reading.interval.lower);
      expect(interval.upper).toBeGreaterThanOrEqual(reading.interval.upper);
      expect(p).toBeGreaterThanOrEqual(reading.p);
    }
  });

  it('refuses lengths that are not those of the differences', () => {
    const differences = new Float64Array(5);
    for (const lengths of [
      [2, 2],
      [5, 0],
      [2.5, 2.5],
    ]) {
      const options = { ...DEFAULT_RESAMPLING, isOfHits: false };
      expect(() => estimatePaired({ lengths, differences }, options)).toThrow(InternalError);
    }
  });
});

describe('perplexityRatio', () => {
  it('is exp of the negative mean, with the ends of its t interval, whatever the bootstrap reaches', () => {
    const estimate = estimatePaired(quiet(-0.02), { ...DEFAULT_RESAMPLING, isOfHits: false }) as DefinedEstimate;
    const ratio = perplexityRatio(estimate)!;
    expect(ratio.value).toBeCloseTo(Math.exp(-estimate.mean), 12);
    const [{ standardError, degreesOfFreedom }] = estimate.readings as [DefinedEstimate['readings'][number]];
    const reach = Math.log(ratio.upper / ratio.value);
    expect(reach).toBeCloseTo(criticalValue(0.05, degreesOfFreedom) * standardError, 12);
    expect(ratio.lower).toBeCloseTo(Math.exp(-estimate.mean - reach), 12);
    expect(reach).toBeLessThanOrEqual((estimate.interval.upper - estimate.interval.lower) / 2 + 1e-12);
    expect(ratio.lower).toBeGreaterThan(1);
  });

  it('does not exist without an estimate', () => {
    expect(perplexityRatio({ kind: 'undefined', reason: 'no token', tokens: 0, prompts: 0 })).toBeNull();
  });
});
