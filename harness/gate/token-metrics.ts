// The numbers of one token that token rules judge.
import { countForbidden } from '../metrics/hygiene.ts';
import type { Pair, RowChoice, RowMetrics } from '../record/row-metrics.ts';
import type { TokenMetric } from '../record/rules.ts';
import type { Phase } from '../record/token-record.ts';

/** What both sides consumed at a position. */
export interface TokenContext {
  readonly phase: Phase;
  readonly inputToken: Pair<number>;
  readonly inputPosition: Pair<number>;
  /** Hash of all that was consumed so far. */
  readonly contextHash: Pair<string>;
}

/** All that a token rule may look at; a token record is one. */
export type TokenFacts = TokenContext &
  Pick<RowMetrics, 'hygiene' | 'pccJudgement' | 'moments' | 'distribution' | 'choice' | 'controls'>;

const VALUES: Readonly<Record<TokenMetric, (facts: TokenFacts) => number | null>> = {
  contextMismatch: ({ contextHash, inputToken, inputPosition }) =>
    contextHash.golden === contextHash.actual &&
    inputToken.golden === inputToken.actual &&
    inputPosition.golden === inputPosition.actual
      ? 0
      : 1,
  nonFinite: ({ hygiene }) => countForbidden(hygiene),
  constant: ({ hygiene }) =>
    hygiene.constantRow.actual || hygiene.constantRow.golden
      ? hygiene.vocabSize
      : hygiene.constantBlocks.reduce((entries, { from, to }) => entries + to - from, 0),
  pcc: ({ pccJudgement }) => pccJudgement.pcc,
  goldenRankOnActual: ({ choice }) => choice?.goldenRankOnActual ?? null,
  klNats: ({ distribution }) => distribution?.klNats ?? null,
  gainDeviation: ({ moments }) => (moments === null || moments.gain === null ? null : Math.abs(moments.gain - 1)),
  regretNats: ({ choice }) => (choice === null ? null : regretOf(choice)),
};

/**
 * How much worse than golden's own choice the device's is by golden's distribution, in nat: a difference of two of golden's logits, since both
 * have one normaliser. 0 where both choose the same.
 */
export function regretOf({ top, top1 }: RowChoice): number | null {
  const logitOf = (id: number): number => top.find((one) => one.id === id)?.logit.golden ?? Number.NaN;
  const regret = logitOf(top1.golden) - logitOf(top1.actual);
  return Number.isNaN(regret) ? null : regret;
}

/** Value of a metric for this token; null where it does not exist. Counts are of vocabulary entries. */
export function tokenMetricValue(facts: TokenFacts, metric: TokenMetric): number | null {
  return VALUES[metric](facts);
}
