// Distances between the two next-token distributions: log-softmax in float64, KL both ways, Jensen-Shannon.
// Exactness: KL within 1e-12 nat at V = 152064; Jensen-Shannon within 1e-9 of its value.
import { exponentiate, naturalLog, naturalLogOfOneToTwo } from './exp-log.ts';

/** Softmax of a row: probability of i is exponentials[i] / sum, its logarithm row[i] - logNormaliser. */
export interface Softmax {
  readonly exponentials: Float64Array;
  readonly sum: number;
  readonly logNormaliser: number;
}

/**
 * Softmax of a finite row.
 *
 * @param row - [n] float32, finite.
 * @param max - its largest value.
 * @param scratch - [n] float64, overwritten and kept by the result.
 */
export function softmax(row: Float32Array, max: number, scratch: Float64Array): Softmax {
  const sum = exponentiate(row, max, scratch);
  return { exponentials: scratch, sum, logNormaliser: max + naturalLog(sum) };
}

export interface Divergences {
  readonly klNats: number;
  readonly klReverseNats: number;
  readonly jsNats: number;
}

/**
 * KL(golden || actual), KL(actual || golden) and Jensen-Shannon divergence, nats.
 *
 * @param golden - [n] float32 logits, finite; `goldenSoftmax` belongs to it.
 * @param actual - [n] float32 logits, finite; `actualSoftmax` belongs to it.
 */
export function measureDivergences(
  golden: Float32Array,
  actual: Float32Array,
  goldenSoftmax: Softmax,
  actualSoftmax: Softmax,
): Divergences {
  const p = goldenSoftmax.exponentials;
  const q = actualSoftmax.exponentials;
  const pScale = 1 / goldenSoftmax.sum;
  const qScale = 1 / actualSoftmax.sum;
  const normaliserShift = goldenSoftmax.logNormaliser - actualSoftmax.logNormaliser;
  let forward = 0;
  let reverse = 0;
  let jensenShannon = 0;
  for (let i = 0; i < golden.length; i++) {
    const pi = p[i]! * pScale;
    const qi = q[i]! * qScale;
    // log(p/q) - p/q + 1 would be term-wise positive; the plain form sums to the same because both sum to 1.
    const logRatio = golden[i]! - actual[i]! - normaliserShift;
    forward += pi * logRatio;
    reverse -= qi * logRatio;
    const total = pi + qi;
    if (total === 0) continue;
    const d = (pi - qi) / total;
    const square = d * d;
    jensenShannon +=
      square < SERIES_LIMIT
        ? total * square * seriesFactor(square)
        : total * entropyGap(Math.abs(d), Math.abs(logRatio));
  }
  return {
    klNats: notBelowZero(forward),
    klReverseNats: notBelowZero(reverse),
    jsNats: jensenShannon / 2,
  };
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
