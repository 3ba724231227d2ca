// One word of the words that KL, its logarithm and top-1 have about the same tokens.
import { KL, LOG_KL, type PairedMetric, TOP1 } from './paired-metrics.ts';
import type { VerdictWord } from './verdict.ts';

/** A metric's word with the mean difference that it is about; null without an estimate. */
export interface MetricWord {
  readonly metric: string;
  readonly word: VerdictWord;
  readonly difference: number | null;
}

/**
 * Equivalent: in KL and in top-1. Worse: in one of them, or further from the base in the log of KL with a mean KL above the base's,
 * unless KL is equivalent. Better likewise, unless something is worse.
 */
export function joinedWord(words: readonly MetricWord[]): VerdictWord {
  const of = (metric: PairedMetric) => words.find((reading) => reading.metric === metric.name);
  const [kl, log, top1] = [of(KL), of(LOG_KL), of(TOP1)];
  const direction =
    kl?.word === 'equivalent' || Math.sign(kl?.difference ?? 0) !== Math.sign(log?.difference ?? 0)
      ? undefined
      : log?.word;
  const all = [kl?.word, direction, top1?.word];
  if (all.includes('worse')) return 'worse';
  if (all.includes('better')) return 'better';
  return kl?.word === 'equivalent' && top1?.word === 'equivalent' ? 'equivalent' : 'undecided';
}
