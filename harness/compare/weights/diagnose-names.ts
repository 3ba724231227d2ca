// Tensors that hold another tensor's values: gate for up, key for value, one layer for another; and those that hold nobody's.
import { LM_HEAD, layerOf } from '../../../src/checkpoint/tensor-names.ts';
import { correlation, isBetter } from './correlation.ts';
import { isMatrix, readRowsOf, spread, type TensorPair } from './tensor-pair.ts';
import type { Diagnosis } from './weight-comparison.ts';

/** Rows that a tensor is known by. */
const SAMPLED_ROWS = 4;
/** Below this cosine a tensor is not the base's, if it is nothing else; two bits and a scale a row leave 0.45 of a real key projection. */
const RELATED_MIN = 0.25;

/** Who holds whose values: name in the variant -> name in the base. */
export type Holdings = ReadonlyMap<string, string>;

/** Looks for the values of `suspects` among all tensors of the base that have their shape. */
export function findHoldings(pairs: readonly TensorPair[], suspects: readonly TensorPair[]): Holdings {
  const samples = new Map<string, Float32Array>();
  const baseSample = (pair: TensorPair): Float32Array => {
    const known = samples.get(pair.name) ?? sampleOf(pair, 'base');
    samples.set(pair.name, known);
    return known;
  };
  const holdings = new Map<string, string>();
  for (const suspect of suspects) {
    const sample = sampleOf(suspect, 'variant');
    const own = correlation(sample, baseSample(suspect));
    let best: string | undefined;
    let most = 0;
    for (const other of pairs) {
      if (other === suspect || other.rows !== suspect.rows || other.columns !== suspect.columns) continue;
      if (isMatrix(other) !== isMatrix(suspect)) continue;
      const fits = correlation(sample, baseSample(other));
      if (fits > most) [best, most] = [other.name, fits];
    }
    if (best !== undefined && isBetter(most, own)) holdings.set(suspect.name, best);
  }
  return holdings;
}

function sampleOf(pair: TensorPair, side: 'base' | 'variant'): Float32Array {
  return readRowsOf(pair[side], spread(pair.rows, SAMPLED_ROWS));
}

/** @param name - one of `holdings`. */
export function holdingDiagnosis(name: string, holdings: Holdings): Diagnosis {
  const held = holdings.get(name)!;
  if (holdings.get(held) === name)
    return { kind: 'swapped', sentence: `swapped: it holds the base's ${held}, and that one its own` };
  const shift = layerShift(holdings);
  if (shift !== undefined && layerOf(held)! - layerOf(name)! === shift) {
    const by = `${Math.abs(shift)} ${shift > 0 ? 'up' : 'down'}`;
    return { kind: 'shiftedLayers', sentence: `layers are shifted by ${by}: it holds the base's ${held}` };
  }
  return { kind: 'holdsOther', sentence: `it holds the base's ${held}` };
}

/** How many layers further the values of most tensors come from, if it is one number for several layers. */
function layerShift(holdings: Holdings): number | undefined {
  const layers = new Map<number, Set<number>>();
  for (const [name, held] of holdings) {
    const [to, from] = [layerOf(name), layerOf(held)];
    if (to === undefined || from === undefined || to === from) continue;
    if (name.replace(`.${to}.`, '.') !== held.replace(`.${from}.`, '.')) continue;
    layers.set(from - to, (layers.get(from - to) ?? new Set()).add(to));
  }
  const [most] = [...layers].sort((a, b) => b[1].size - a[1].size);
  return most === undefined || most[1].size < 2 ? undefined : most[0];
}

/** For a tensor whose values are found nowhere in the base. */
export function unrelatedDiagnosis(name: string, cosine: number | null): Diagnosis | undefined {
  if (cosine === null || Math.abs(cosine) >= RELATED_MIN) return undefined;
  const with_ = `its cosine with the base's is ${cosine.toFixed(3)}`;
  return name === LM_HEAD
    ? { kind: 'otherHead', sentence: `the head of another checkpoint: ${with_}` }
    : { kind: 'unrelated', sentence: `not the base's: ${with_}, and no tensor of the base explains it` };
}
