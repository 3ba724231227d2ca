// Classical tests and derived figures that stand beside a verdict and never decide it.
import binomialTest from '@stdlib/stats/binomial-test/lib/index.js';
import wilcoxon from '@stdlib/stats/wilcoxon/lib/index.js';
import { exponential } from '../metrics/exp-log.ts';
import { criticalValue, type Interval } from './cluster-robust.ts';
import { ALPHA, type PairedEstimate } from './estimate.ts';
import { blockUnits, type PairedSample, promptUnits, requireSample } from './paired-sample.ts';
import { type SignFlip, signFlipTest } from './sign-flip.ts';

export interface ClassicalTests {
  /** What was flipped and ranked: means of prompts, of blocks for a single prompt. */
  readonly unit: 'prompts' | 'blocks';
  readonly signFlip: SignFlip;
  /** p of Wilcoxon's signed ranks of the units' means, all units alike; null for fewer than two. */
  readonly wilcoxonP: number | null;
}

/** @param sample - at least one token, all finite. */
export function classicalTests(sample: PairedSample, seed: number): ClassicalTests {
  requireSample(sample);
  const unit = sample.lengths.length > 1 ? 'prompts' : 'blocks';
  const units = unit === 'prompts' ? promptUnits(sample) : blockUnits(sample);
  const means = units.sums.map((sum, i) => sum / units.tokens[i]!);
  return { unit, signFlip: signFlipTest(units, seed), wilcoxonP: wilcoxonProbability(means) };
}

export interface Discordance {
  /** Tokens that the variant hits and the base does not. */
  readonly gained: number;
  /** Tokens that the base hits and the variant does not. */
  readonly lost: number;
  /** McNemar's exact test, tokens taken as independent, which they are not: for comparison with what others print. */
  readonly mcNemarP: number;
}

/**
 * Discordant tokens of top-1 hits; their cluster-robust interval is that of the estimate (gained - lost, over tokens).
 *
 * @param differences - [tokens] -1, 0 or 1.
 */
export function countDiscordant({ differences }: PairedSample): Discordance {
  let gained = 0;
  let lost = 0;
  for (const difference of differences) {
    if (difference > 0) gained++;
    if (difference < 0) lost++;
  }
  return { gained, lost, mcNemarP: gained + lost === 0 ? 1 : binomialTest(gained, gained + lost).pValue };
}

/** Perplexity of the variant over that of the base, with the ends of its interval. */
export interface PerplexityRatio extends Interval {
  readonly value: number;
}

/**
 * exp(-mean) of an estimate of Δ log p(text) with its 95 % ends: 1.02 is a perplexity 2 % higher. Null without an estimate.
 *
 * The ends are Student's alone: no word comes from them, and the bootstrap's, which the words rest on, reach absurdly far where prompts
 * differ much.
 */
export function perplexityRatio(ofLogP: PairedEstimate): PerplexityRatio | null {
  if (ofLogP.kind === 'undefined') return null;
  const { mean, readings } = ofLogP;
  const reach = Math.max(
    ...readings.map(({ standardError, degreesOfFreedom }) => criticalValue(ALPHA, degreesOfFreedom) * standardError),
  );
  return { value: exponential(-mean), lower: exponential(-mean - reach), upper: exponential(reach - mean) };
}

/** Zeros are left out, as Wilcoxon did. The exact p doubles one tail and may then exceed 1 in the middle. */
function wilcoxonProbability(means: Float64Array): number | null {
  if (means.length < 2) return null;
  return means.every((mean) => mean === 0) ? 1 : Math.min(1, wilcoxon(means).pValue);
}
