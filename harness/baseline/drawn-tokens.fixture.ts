// Tokens drawn for made-up runs: each text has its difficulty, each run of a device that jitters its own noise.
import { exponential } from '../metrics/exp-log.ts';
import { EIGHT_PROMPTS, seededNormals } from '../paired/made-up-differences.fixture.ts';
import type { MadeUpTokens } from './made-up-runs.fixture.ts';

/** Chance at the ends of intervals is small beside what differs between samples, and the tests stay quick. */
export const RESAMPLING = { resamples: 300, seed: 1 };

export function drawn(seed: number, ratio = 1, lengths: readonly number[] = EIGHT_PROMPTS): MadeUpTokens[] {
  const [hard, noise] = [seededNormals(7), seededNormals(1000 + seed)];
  return lengths.map((length) => {
    const kl = Array.from({ length }, () => 0.006 * ratio * exponential(hard() + 0.4 * noise()));
    return { kl, top1: kl.map((value) => (noise() + 2.2 < 40 * value ? 0 : 1)) };
  });
}
