// One difference of an entrant in a few numbers: PCC, KL, choices; quantiles and means, no extreme but PCC's minimum, which is shown only.
import { mean, quantile, sortSample } from '../../metrics/quantile.ts';
import type { TokenColumns } from './token-columns.ts';

/** Of all tokens that have the number; null where none has. */
export interface DifferenceSummary {
  readonly tokens: number;
  readonly pccMinimum: number | null;
  readonly pccP1: number | null;
  readonly pccMedian: number | null;
  /** KL(golden || actual), nat. */
  readonly klMean: number | null;
  readonly klMedian: number | null;
  readonly klP99: number | null;
  /** Share of tokens with the same choice on both sides. */
  readonly top1: number | null;
  /** Share of tokens whose choice is among golden's 5 and 100 best, as tt-metal counts top-5 and top-100. */
  readonly top5: number | null;
  readonly top100: number | null;
  /** Share of tokens with another choice that is not nearly tied. */
  readonly realFlips: number | null;
  /** Mean of golden log p given up by the choice, nat. */
  readonly regretMean: number | null;
}

export function summarise({ pcc, kl, hit, realFlip, regret, rank, position }: TokenColumns): DifferenceSummary {
  const correlations = sortSample(defined(pcc));
  const divergences = sortSample(defined(kl));
  const at = (sample: typeof correlations, share: number): number | null =>
    sample.length === 0 ? null : quantile(sample, share);
  return {
    tokens: position.length,
    pccMinimum: at(correlations, 0),
    pccP1: at(correlations, 0.01),
    pccMedian: at(correlations, 0.5),
    klMean: meanOf(divergences),
    klMedian: at(divergences, 0.5),
    klP99: at(divergences, 0.99),
    top1: meanOf(defined(hit)),
    top5: meanOf(defined(rank).map((value) => Number(value <= 5))),
    top100: meanOf(defined(rank).map((value) => Number(value <= 100))),
    realFlips: meanOf(defined(realFlip)),
    regretMean: meanOf(defined(regret)),
  };
}

function meanOf(values: Float64Array): number | null {
  return values.length === 0 ? null : mean(values);
}

function defined(values: Float64Array): Float64Array {
  return values.filter((value) => !Number.isNaN(value));
}

/** Tokens whose total is far from what checkpoint and device do by themselves. */
export interface Interaction {
  /** The total is more than twice the sum of both. */
  readonly amplified: number;
  /** The total is less than half the sum of both. */
  readonly cancelled: number;
}

/** Far, and of a size that matters: nat. */
const FAR_NATS = 0.01;
const FAR_FACTOR = 2;

/**
 * Independent damages add up in KL, which grows with the square of small differences: T is about Q + D. What is far from it is counted.
 *
 * @param total - T; with `checkpoint` (Q) and `device` (D), at the same tokens.
 */
export function interactionOf(total: TokenColumns, checkpoint: TokenColumns, device: TokenColumns): Interaction {
  let amplified = 0;
  let cancelled = 0;
  for (let i = 0; i < total.kl.length; i++) {
    const sum = checkpoint.kl[i]! + device.kl[i]!;
    const distance = total.kl[i]! - sum;
    if (distance > FAR_NATS && total.kl[i]! > FAR_FACTOR * sum) amplified++;
    if (distance < -FAR_NATS && total.kl[i]! < sum / FAR_FACTOR) cancelled++;
  }
  return { amplified, cancelled };
}
