// Flips that all turn from a token of the context to one outside it: what a repetition penalty does, and noise does not.

import type { SequenceKey } from '../record/token-record.ts';
import type { TokenColumns } from './token-columns.ts';

/** By noise each direction is as likely as the other: ten in a row are one chance in a thousand. */
const FEWEST_FLIPS = 10;

export interface PenalisedFlips {
  readonly flips: number;
  /** Whose rows turn away from the context. */
  readonly side: 'golden' | 'actual';
}

/**
 * Looks at the real flips of a variant; null if they are too few or no such pattern.
 *
 * @param sequences - of the variant; tokens in rising position.
 */
export function findPenalisedFlips(
  columns: TokenColumns,
  sequences: readonly { readonly key: SequenceKey; readonly tokens: Int32Array }[],
): PenalisedFlips | null {
  const flips = { golden: 0, actual: 0 };
  for (const { tokens } of sequences) {
    const context = new Set<number>();
    for (const token of tokens) {
      context.add(columns.inputTokenOf(token));
      if (!columns.isRealFlip(token)) continue;
      const { golden, actual } = columns.choiceOf(token);
      if (context.has(golden) === context.has(actual)) return null;
      flips[context.has(golden) ? 'actual' : 'golden']++;
      if (flips.golden > 0 && flips.actual > 0) return null;
    }
  }
  const side = flips.actual > 0 ? 'actual' : 'golden';
  return flips[side] < FEWEST_FLIPS ? null : { flips: flips[side], side };
}

export function describePenalisedFlips({ flips, side }: PenalisedFlips): string {
  const rows = side === 'actual' ? "the device's" : "the reference's";
  return `all ${flips} real flips turn from a token of the context to one outside it: ${rows} rows look like scores after a repetition penalty, record the raw logits`;
}
