// Seeded differences that look like those of KL: prompts that differ, neighbours that are alike, heavy and skewed tails.
import { exponential, naturalLog } from '../metrics/exp-log.ts';
import type { PairedSample } from './paired-sample.ts';
import { randomFromSeed } from './seeded-random.ts';

export interface DifferenceModel {
  /** [prompts] tokens. */
  readonly lengths: readonly number[];
  /** Mean KL of the base, nat. A real 0.5B model's was 0.006 (N150 model) and 0.0005 (llama.cpp); four bits a weight: 0.02 … 0.05. */
  readonly baseNats: number;
  /** Mean KL of the variant over that of the base: 1 for a null. */
  readonly ratio?: number;
  /** Added to every difference, nat. */
  readonly shiftNats?: number;
  /** Standard deviation of what a prompt adds to its differences, nat. */
  readonly promptSd?: number;
  /** Of the logarithm of a token's KL; 1.5 puts the 99th percentile at 11 times the mean. */
  readonly logSd?: number;
  /** The same of the variant where it differs: the difference is skewed then. */
  readonly variantLogSd?: number;
  /** Correlation of neighbours. */
  readonly neighbours?: number;
}

/** Uneven prompts, as test sets have them. */
export const FIVE_PROMPTS: readonly number[] = [60, 100, 150, 200, 300];
export const EIGHT_PROMPTS: readonly number[] = [60, 80, 90, 120, 150, 180, 240, 300];
export const SIXTEEN_PROMPTS: readonly number[] = [...EIGHT_PROMPTS, ...EIGHT_PROMPTS];

/** Share of a token's log KL that both sides have in common: a hard token is hard for both. */
const COMMON = 0.5;
/** Standard deviation of the logarithm of a prompt's level. */
const LEVEL_LOG_SD = 0.4;

export function madeUpDifferences(model: DifferenceModel, seed: number): PairedSample {
  const { lengths, baseNats, ratio = 1, shiftNats = 0, promptSd = 0, logSd = 1.5, neighbours = 0.3 } = model;
  const variantLogSd = model.variantLogSd ?? logSd;
  const normal = seededNormals(seed);
  const fresh = Math.sqrt(1 - neighbours * neighbours);
  const differences: number[] = [];
  for (const length of lengths) {
    const level = baseNats * logNormal(normal(), LEVEL_LOG_SD);
    const ofPrompt = promptSd * normal();
    let [common, ofBase, ofVariant] = [normal(), normal(), normal()];
    for (let token = 0; token < length; token++) {
      common = neighbours * common + fresh * normal();
      ofBase = neighbours * ofBase + fresh * normal();
      ofVariant = neighbours * ofVariant + fresh * normal();
      const base = logNormal(Math.sqrt(COMMON) * common + Math.sqrt(1 - COMMON) * ofBase, logSd);
      const variant = logNormal(Math.sqrt(COMMON) * common + Math.sqrt(1 - COMMON) * ofVariant, variantLogSd);
      differences.push(level * (ratio * variant - base) + ofPrompt + shiftNats);
    }
  }
  return { lengths, differences: Float64Array.from(differences) };
}

/**
 * Differences of top-1 hits.
 *
 * @param shares - of tokens that the variant gains and loses; a prompt has up to twice as many of both or none.
 */
export function madeUpHits(
  lengths: readonly number[],
  { gained, lost }: { readonly gained: number; readonly lost: number },
  seed: number,
): PairedSample {
  const random = randomFromSeed(seed);
  const differences: number[] = [];
  for (const length of lengths) {
    const level = (2 * random()) / 2 ** 32;
    for (let token = 0; token < length; token++) {
      const drawn = random() / 2 ** 32;
      differences.push(drawn < level * gained ? 1 : drawn > 1 - level * lost ? -1 : 0);
    }
  }
  return { lengths, differences: Float64Array.from(differences) };
}

/** Mean 1. */
function logNormal(normal: number, logSd: number): number {
  return exponential(logSd * normal - (logSd * logSd) / 2);
}

/** Standard normal numbers by Marsaglia's polar method (1964), one of each pair. */
export function seededNormals(seed: number): () => number {
  const random = randomFromSeed(seed);
  return () => {
    for (;;) {
      const x = random() / 2 ** 31 - 1;
      const y = random() / 2 ** 31 - 1;
      const square = x * x + y * y;
      if (square > 0 && square < 1) return x * Math.sqrt((-2 * naturalLog(square)) / square);
    }
  };
}
