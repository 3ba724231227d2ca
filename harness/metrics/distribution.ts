// Distances between the two next-token distributions: log-softmax in float64, KL both ways, Jensen-Shannon.
// Exactness: KL within 1e-12 nat at V = 152064; Jensen-Shannon within 1e-9 of its value.
import { exponentiate, naturalLog, naturalLogOfOneToTwo } from './exp-log.ts';

/** Softmax of a row: probability of i is exponentials[i] / sum, its logarithm row[i] - logNormaliser. */
export interface Softmax {
  readonly exponentials: Float64Array;
  readonly sum: number;
  readonly logNormaliser: number;
  /** Mean of row - other under this softmax. */
  readonly meanDifference: number;
}

/**
 * Softmax of a finite row.
 *
 * @param row - [n] float32, finite.
 * @param other - [n] float32, finite: the row of the other side.
 * @param max - largest value of `row`.
 * @param scratch - at least [n] float64, overwritten and kept by the result.
 */
export function softmax(row: Float32Array, other: Float32Array, max: number, scratch: Float64Array): Softmax {
  const { sum, weightedDifference } = exponentiate(row, other, max, scratch);
  return {
    exponentials: scratch,
    sum,
    logNormaliser: max + naturalLog(sum),
    meanDifference: weightedDifference / sum,
  };
}

export interface Divergences {
  readonly klNats: number;
  readonly klReverseNats: number;
  readonly jsNats: number;
}

/**
 * KL(golden || actual), KL(actual || golden) and Jensen-Shannon divergence, nats.
 *
 * @param golden - [n] float32 logits, finite; `p` belongs to it.
 * @param actual - [n] float32 logits, finite; `q` belongs to it.
 */
export function measureDivergences(golden: Float32Array, actual: Float32Array, p: Softmax, q: Softmax): Divergences {
  const shift = p.logNormaliser - q.logNormaliser;
  return {
    klNats: notBelowZero(p.meanDifference - shift),
    klReverseNats: notBelowZero(q.meanDifference + shift),
    jsNats: jensenShannon(golden, actual, p, q),
  };
}

function jensenShannon(golden: Float32Array, actual: Float32Array, p: Softmax, q: Softmax): number {
  const pExponentials = p.exponentials;
  const qExponentials = q.exponentials;
  const pScale = 1 / p.sum;
  const qScale = 1 / q.sum;
  const shift = p.logNormaliser - q.logNormaliser;
  let total = 0;
  for (let i = 0; i < golden.length; i++) {
    const pi = pExponentials[i]! * pScale;
    const qi = qExponentials[i]! * qScale;
    const both = pi + qi;
    const d = (pi - qi) / both;
    const square = d * d;
    if (square < SERIES_LIMIT) total += both * square * seriesFactor(square);
    else if (both > 0) total += both * entropyGap(Math.abs(d), Math.abs(golden[i]! - actual[i]! - shift));
  }
  return total / 2;
}

/** |d| below 1/4: six terms are then within 1e-9 of the value. */
const SERIES_LIMIT = 1 / 16;

/** f(d) / d^2 for f(d) = ((1 + d) ln(1 + d) + (1 - d) ln(1 - d)) / 2 = d^2/2 + d^4/12 + d^6/30 + … + d^2k/(2k(2k - 1)). */
function seriesFactor(x: number): number {
  const square = x * x;
  return 1 / 2 + x * (1 / 12) + square * (1 / 30 + x * (1 / 56) + square * (1 / 90 + x * (1 / 132)));
}

/** f(d) for 1/4 <= d <= 1 where t = ln((1 + d) / (1 - d)): one logarithm then gives both. */
function entropyGap(d: number, t: number): number {
  const rest = 1 - d;
  return naturalLogOfOneToTwo(1 + d) - (rest > 0 ? (rest * t) / 2 : 0);
}

/** A divergence of equal rows is 0 but for rounding, which may have either sign. */
function notBelowZero(nats: number): number {
  return Math.max(nats, 0);
}
