// The metrics whose paired differences are judged, each with its better side and the margin below which a difference does not matter.
import { exponential, naturalLog } from '../metrics/exp-log.ts';

export interface PairedMetric {
  readonly name: string;
  readonly betterIs: 'lower' | 'higher';
  /** Above 0, in the unit of the differences. */
  readonly margin: number;
  /** Differences are -1, 0 or 1. */
  readonly isOfHits: boolean;
  /** A number of this metric with its unit, for people. */
  readonly format: (value: number) => string;
}

const nats = (value: number): string => `${value.toFixed(4)} nat`;
const points = (value: number): string => `${(100 * value).toFixed(2)} points`;

/** KL to the golden rows. */
export const KL: PairedMetric = { name: 'KL', betterIs: 'lower', margin: 0.005, isOfHits: false, format: nats };
/**
 * Logarithm of KL above a floor, ln(1 + KL / floor). KL itself is so skewed, and differs so much between prompts, that a mean twenty times the
 * base's can have an interval with 0 in it; so can its root's. Of logarithms, prompts that are all damaged twenty-fold say the same. This
 * one says which side is nearer to golden; what a difference is worth, and whether it is negligible, is KL's own to say.
 */
export const LOG_KL: PairedMetric = {
  name: 'log of KL',
  betterIs: 'lower',
  // None is negligible: equivalence is no word of this metric.
  margin: Number.MIN_VALUE,
  isOfHits: false,
  format: (value) => `${value.toFixed(2)}, about ${exponential(Math.abs(value)).toPrecision(2)}-fold`,
};
/** Floor of `LOG_KL` as a share of KL's margin: what lies below it counts as alike. */
export const LOG_KL_FLOOR = 0.2;
/** What `LOG_KL` has of a token; a KL below 0 is one of 0 that rounding moved. @param margin - of mean KL, nat. */
export function logKl(klNats: number, margin: number): number {
  return naturalLog(1 + Math.max(0, klNats) / (LOG_KL_FLOOR * margin));
}
/** Whether golden's best token is the device's best. */
export const TOP1: PairedMetric = { name: 'top-1', betterIs: 'higher', margin: 0.01, isOfHits: true, format: points };
/** log p of the token that the text has next. */
export const LOG_P: PairedMetric = { name: 'log p', betterIs: 'higher', margin: 0.005, isOfHits: false, format: nats };
