// Where each query head looks from the token: its largest attention weight, from the queries and cached keys of either side.
// Exactness: float64 softmax on both sides alike; the device's own arithmetic of attention is no part of it.
import type { ModelConfig } from '../../src/checkpoint/config.ts';
import type { AttentionPeak } from '../record/why-record.ts';

/** A side's rotated query at the token [Q * D] and its keys [P, K * D]. */
export interface LayerLook {
  readonly query: Float32Array;
  readonly keys: Float32Array;
}

export function attentionPeaks(
  model: ModelConfig,
  layer: number,
  golden: LayerLook,
  actual: LayerLook,
): AttentionPeak[] {
  return Array.from({ length: model.queryHeads }, (_, head) => {
    const [ours, theirs] = [peakOf(model, head, golden), peakOf(model, head, actual)];
    return {
      layer,
      head,
      position: { golden: ours.position, actual: theirs.position },
      weight: { golden: ours.weight, actual: theirs.weight },
    };
  });
}

function peakOf(
  { queryHeads, keyValueHeads, headDim }: ModelConfig,
  head: number,
  { query, keys }: LayerLook,
): { readonly position: number; readonly weight: number } {
  const width = keyValueHeads * headDim;
  const keyHead = Math.floor(head / (queryHeads / keyValueHeads)) * headDim;
  const scores = Array.from({ length: keys.length / width }, (_, position) => {
    let score = 0;
    for (let d = 0; d < headDim; d++) score += query[head * headDim + d]! * keys[position * width + keyHead + d]!;
    return score / Math.sqrt(headDim);
  });
  const position = scores.reduce((best, score, at) => (score > scores[best]! ? at : best), 0);
  const sum = scores.reduce((total, score) => total + Math.exp(score - scores[position]!), 0);
  return { position, weight: 1 / sum };
}
