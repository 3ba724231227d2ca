// Summaries of many judged tokens: spreads, shares and medians, in total, by phase and by prompt.

import type { PccJudgement, RowChoice, RowControls, RowDistribution, RowMoments } from '../record/row-metrics.ts';
import type { KlSpread, PccSpread, TokenSummary } from '../record/summary.ts';
import { exponential } from './exp-log.ts';
import { mean, median, quantile, sortSample, standardError } from './quantile.ts';

/** What a summary needs of a token record. */
export interface SummarizedToken {
  readonly pccJudgement: PccJudgement;
  readonly moments: RowMoments | null;
  readonly distribution: RowDistribution | null;
  readonly choice: RowChoice | null;
}

/** Summary of the tokens in any order; the same bits for the same tokens in the same order. */
export function summarizeTokens(tokens: readonly SummarizedToken[]): TokenSummary {
  const choices = tokens.flatMap(({ choice }) => choice ?? []);
  const moments = tokens.flatMap((token) => token.moments ?? []);
  const distributions = tokens.flatMap(({ distribution }) => distribution ?? []);
  const ranks = choices.map(({ goldenRankOnActual }) => goldenRankOnActual);
  return {
    n: tokens.length,
    pcc: spreadPcc(tokens),
    klNats: spreadKl(distributions.map(({ klNats }) => klNats)),
    top1: shareOf(ranks, 1),
    top5: shareOf(ranks, 5),
    top10: shareOf(ranks, 10),
    flips: {
      real: choices.filter(({ flip }) => flip === 'real').length,
      nearTie: choices.filter(({ flip }) => flip === 'nearTie').length,
      tie: choices.filter(({ flip }) => flip === 'tie').length,
    },
    rankP99: ranks.length === 0 ? null : quantile(sortSample(ranks), 0.99),
    maxAbs: moments.length === 0 ? null : moments.reduce((most, { maxAbs }) => Math.max(most, maxAbs), 0),
    gain: median(moments.flatMap(({ gain }) => gain ?? [])),
    offset: median(moments.flatMap(({ offset }) => offset ?? [])),
    nmseDb: median(moments.flatMap(({ nmseDb }) => nmseDb ?? [])),
    pplRatio: perplexityRatio(distributions.flatMap(({ textToken }) => textToken?.logRatio ?? [])),
  };
}

/** Groups in order of first appearance, each summarized. */
export function summarizeBy<T extends SummarizedToken, K extends string>(
  tokens: readonly T[],
  keyOf: (token: T) => K,
): Partial<Record<K, TokenSummary>> {
  const groups = new Map<K, T[]>();
  for (const token of tokens) {
    const group = groups.get(keyOf(token));
    if (group === undefined) groups.set(keyOf(token), [token]);
    else group.push(token);
  }
  const entries = Array.from(groups, ([key, group]) => [key, summarizeTokens(group)] as const);
  return Object.fromEntries(entries) as Partial<Record<K, TokenSummary>>;
}

/** Quantiles of one negative control over the tokens that have it; null if none has. */
export function summarizeControl(
  tokens: readonly { readonly controls: RowControls }[],
  control: keyof RowControls,
): { n: number; p50: number; p99: number; max: number } | null {
  const values = tokens.flatMap(({ controls }) => controls[control] ?? []);
  if (values.length === 0) return null;
  const sample = sortSample(values);
  return { n: sample.length, p50: quantile(sample, 0.5), p99: quantile(sample, 0.99), max: quantile(sample, 1) };
}

function spreadPcc(tokens: readonly SummarizedToken[]): PccSpread | null {
  const values = tokens.flatMap(({ pccJudgement }) => pccJudgement.pcc ?? []);
  if (values.length === 0) return null;
  const sample = sortSample(values);
  return {
    undefinedCount: tokens.length - values.length,
    min: quantile(sample, 0),
    p1: quantile(sample, 0.01),
    p5: quantile(sample, 0.05),
    p50: quantile(sample, 0.5),
    mean: mean(sample),
    max: quantile(sample, 1),
  };
}

function spreadKl(values: readonly number[]): KlSpread | null {
  if (values.length === 0) return null;
  const sample = sortSample(values);
  return {
    mean: mean(sample),
    se: standardError(sample),
    p50: quantile(sample, 0.5),
    p90: quantile(sample, 0.9),
    p99: quantile(sample, 0.99),
    max: quantile(sample, 1),
  };
}

function shareOf(ranks: readonly number[], limit: number): number | null {
  return ranks.length === 0 ? null : ranks.filter((rank) => rank <= limit).length / ranks.length;
}

/** Delta method: the standard error of exp(m) is exp(m) times that of m. */
function perplexityRatio(logRatios: readonly number[]): TokenSummary['pplRatio'] {
  const surprises = Float64Array.from(logRatios, (logRatio) => -logRatio);
  const se = standardError(surprises);
  if (se === null) return null;
  const value = exponential(mean(surprises));
  return { value, se: value * se };
}
