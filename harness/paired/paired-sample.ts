// Differences between a variant and its base, token by token, and the units that count as independent: prompts, or blocks of a prompt.
import { InternalError } from '../../src/errors.ts';

/** One difference a judged token, variant minus base, prompt after prompt. */
export interface PairedSample {
  /** [prompts] judged tokens of each prompt, each at least 1. */
  readonly lengths: ArrayLike<number>;
  /** [tokens] variant minus base: of KL in nat, of log p(text) in nat, or of top-1 hits (-1, 0, 1). */
  readonly differences: Float64Array;
}

/** Sums over pieces of text. */
export interface Units {
  /** [units] sum of the differences of a piece. */
  readonly sums: Float64Array;
  /** [units] tokens of a piece. */
  readonly tokens: Float64Array;
}

/** Tokens of a block. Neighbours are alike; what is this far apart hardly is. */
export const BLOCK_TOKENS = 32;

/** A broken sample is the caller's bug: what it was made of has been read and checked before. */
export function requireSample({ lengths, differences }: PairedSample): void {
  let total = 0;
  for (let prompt = 0; prompt < lengths.length; prompt++) {
    const length = lengths[prompt]!;
    if (!Number.isInteger(length) || length < 1) total = Number.NaN;
    total += length;
  }
  if (total === differences.length) return;
  throw new InternalError('paired differences: the lengths of the prompts are not those of the differences.', {
    code: 'PAIRED_LENGTHS',
    facts: { prompts: lengths.length, lengths: total, differences: differences.length },
  });
}

/** A unit for each prompt. */
export function promptUnits(sample: PairedSample): Units {
  return unitsOf(sample, () => 1);
}

/**
 * A unit for each block: every prompt is cut into pieces of equal length (within 1), as near to `BLOCK_TOKENS` as whole pieces allow.
 * Fixed blocks (Carlstein 1986) instead of moving ones (Künsch 1989): they are units like prompts, so that one interval serves both.
 */
export function blockUnits(sample: PairedSample): Units {
  return unitsOf(sample, (length) => Math.max(1, Math.round(length / BLOCK_TOKENS)));
}

/** Mean over all tokens of the units; every token weighs the same. */
export function tokenMean({ sums, tokens }: Units): number {
  return total(sums) / total(tokens);
}

export function total(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

function unitsOf({ lengths, differences }: PairedSample, piecesOf: (length: number) => number): Units {
  const units: { readonly sum: number; readonly tokens: number }[] = [];
  for (let prompt = 0, start = 0; prompt < lengths.length; prompt++) {
    const length = lengths[prompt]!;
    const pieces = piecesOf(length);
    for (let piece = 0; piece < pieces; piece++) {
      const from = start + Math.floor((piece * length) / pieces);
      const to = start + Math.floor(((piece + 1) * length) / pieces);
      units.push({ sum: total(differences.subarray(from, to)), tokens: to - from });
    }
    start += length;
  }
  return inOrder(units);
}

/**
 * Sorts units by length, then by the distance of their mean from the mean of all. What is drawn at random then depends neither on the
 * order of prompts, nor on a constant added to every difference, nor on which side is called the variant.
 */
function inOrder(units: { readonly sum: number; readonly tokens: number }[]): Units {
  units.sort((a, b) => a.tokens - b.tokens || a.sum - b.sum);
  const sums = Float64Array.from(units, ({ sum }) => sum);
  const tokens = Float64Array.from(units, (unit) => unit.tokens);
  const center = total(sums) / total(tokens);
  const distance = (unit: { readonly sum: number; readonly tokens: number }): number =>
    Math.abs(unit.sum / unit.tokens - center);
  units.sort((a, b) => a.tokens - b.tokens || distance(a) - distance(b) || a.sum - b.sum);
  return { sums: Float64Array.from(units, ({ sum }) => sum), tokens: Float64Array.from(units, (unit) => unit.tokens) };
}
