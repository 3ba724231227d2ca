// Distances between the two next-token distributions: log-softmax in float64, KL both ways.
// Exactness: KL within 1e-12 nat at V = 152064.
import { naturalLog } from './exp-log.ts';
import { type ExponentialSums, sumExponentials } from './row-passes.ts';

/** Softmax of a row: the logarithm of i's probability is row[i] - logNormaliser. */
export interface Softmax {
  readonly logNormaliser: number;
  /** Mean of row - other under this softmax. */
  readonly meanDifference: number;
}

/**
 * Softmax of a finite row.
 *
 * @param max - largest value of the row.
 * @param sums - of its exponentials exp(row - max).
 */
export function softmaxOf(max: number, { sum, weightedDifference }: ExponentialSums): Softmax {
  return { logNormaliser: max + naturalLog(sum), meanDifference: weightedDifference / sum };
}

/**
 * The same of rows that were not measured.
 *
 * @param row - [n] float32, finite.
 * @param other - [n] float32, finite: the row of the other side.
 */
export function softmax(row: Float32Array, other: Float32Array, max: number): Softmax {
  return softmaxOf(max, sumExponentials(row, other, max));
}

export interface Divergences {
  readonly klNats: number;
  readonly klReverseNats: number;
}

/**
 * KL(golden || actual) and KL(actual || golden), nats; `p` is golden's softmax, `q` actual's.
 */
export function measureDivergences(p: Softmax, q: Softmax): Divergences {
  const shift = p.logNormaliser - q.logNormaliser;
  return {
    klNats: notBelowZero(p.meanDifference - shift),
    klReverseNats: notBelowZero(q.meanDifference + shift),
  };
}

/** A divergence of equal rows is 0 but for rounding, which may have either sign. */
function notBelowZero(nats: number): number {
  return Math.max(nats, 0);
}
