// How far a row of logits is from the golden one, in the three numbers that attribution ranks by.
import { measureDivergences, softmax } from '../metrics/distribution.ts';
import { correlate } from '../metrics/pcc.ts';
import type { TokenMeasure } from '../record/why-record.ts';

/** @param golden - [V]; @param actual - [V] or longer. */
export function measureToken(golden: Float32Array, actual: Float32Array): TokenMeasure {
  const size = Math.min(golden.length, actual.length);
  const [g, a] = [golden.subarray(0, size), actual.subarray(0, size)];
  const top1 = bestOf(a);
  const correlation = correlate(g, a);
  if (!allFinite(g) || !allFinite(a)) return { pcc: null, klNats: null, regretNats: null, top1 };
  const best = bestOf(g);
  const p = softmax(g, a, g[best]!);
  const q = softmax(a, g, a[top1]!);
  return {
    pcc: correlation.kind === 'defined' ? correlation.pcc : null,
    klNats: measureDivergences(p, q).klNats,
    regretNats: g[best]! - g[top1]!,
    top1,
  };
}

function allFinite(row: Float32Array): boolean {
  return row.every(Number.isFinite);
}

/** The lowest index of the largest value; NaN never wins. */
function bestOf(row: Float32Array): number {
  let best = 0;
  for (let i = 1; i < row.length; i++) if (row[i]! > row[best]! || Number.isNaN(row[best]!)) best = i;
  return best;
}
