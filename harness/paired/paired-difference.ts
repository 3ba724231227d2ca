// What a record says of one judged metric: the difference, its interval, and the word.
import type { JudgedComparison } from './league.ts';
import type { VerdictWord } from './verdict.ts';

export interface PairedDifference {
  readonly metric: string;
  /** Variant minus base, mean over tokens; null where there is none. */
  readonly difference: number | null;
  /** 95 %. */
  readonly lower: number | null;
  readonly upper: number | null;
  /** Of the league, by Holm. */
  readonly adjustedP: number | null;
  readonly word: VerdictWord;
  readonly tokensNeeded: number | null;
}

export function differenceOf({ metric, estimate, verdict }: JudgedComparison): PairedDifference {
  const isDefined = estimate.kind === 'defined';
  return {
    metric: metric.name,
    difference: isDefined ? estimate.mean : null,
    lower: isDefined ? estimate.interval.lower : null,
    upper: isDefined ? estimate.interval.upper : null,
    adjustedP: verdict.adjustedP,
    word: verdict.word,
    tokensNeeded: verdict.tokensNeeded,
  };
}
