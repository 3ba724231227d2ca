// The taps of a checkpoint, in order of the graph.
import type { TapName } from '../../src/device/logits-source.ts';

/** Embedding, then attention, MLP and output of each layer, then the final norm. */
export function allTaps(layers: number): readonly TapName[] {
  const ofLayers = Array.from({ length: layers }, (_, k): TapName[] => [
    `layers.${k}.self_attn.out`,
    `layers.${k}.mlp.out`,
    `layers.${k}.out`,
  ]);
  return ['embed_tokens.out', ...ofLayers.flat(), 'norm.out'];
}
