// Flips that turn from a token of the context to one outside it and never back: what a repetition penalty does, not noise.

import type { SequenceKey } from '../record/token-record.ts';
import type { TokenColumns } from './token-columns.ts';

/** By noise each direction is as likely as the other: ten in a row are one chance in a thousand. */
const FEWEST_FLIPS = 10;

/**
 * Share of all real flips that turn that way. A recording with penalty 1.05 shows 14 of 15; in honest runs 82 % of the
 * real flips are between tokens outside the context, and broken arithmetic turns both ways (22 to 7, 9 to 8).
 */
const LEAST_SHARE = 0.8;

export interface PenalisedFlips {
  /** Those that turn away from the context, of all real flips. */
  readonly away: number;
  readonly flips: number;
  /** Whose rows turn away. */
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
  const away = { golden: 0, actual: 0 };
  let flips = 0;
  for (const { tokens } of sequences) {
    const context = new Set<number>();
    for (const token of tokens) {
      context.add(columns.inputTokenOf(token));
      if (!columns.isRealFlip(token)) continue;
      flips++;
      const { golden, actual } = columns.choiceOf(token);
      if (context.has(golden) !== context.has(actual)) away[context.has(golden) ? 'actual' : 'golden']++;
      if (away.golden > 0 && away.actual > 0) return null;
    }
  }
  const side = away.actual > 0 ? 'actual' : 'golden';
  if (away[side] < FEWEST_FLIPS || away[side] < LEAST_SHARE * flips) return null;
  return { away: away[side], flips, side };
}

export function describePenalisedFlips({ away, flips, side }: PenalisedFlips): string {
  const rows = side === 'actual' ? "the device's" : "the reference's";
  return (
    `${away} of ${flips} real flips turn from a token of the context to one outside it, none back: ` +
    `${rows} rows look like scores after a repetition penalty, record the raw logits`
  );
}
