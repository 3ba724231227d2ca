// What each tap is computed from: which operations stand between it and the nearest values that a recording has.
import { type LayerTap, layerTap } from '../../src/device/taps.ts';
import { layerTapOf, type WhyTap } from './ops.ts';

/** `stream`: the residual stream before the layer. */
const INPUTS: Readonly<Record<LayerTap, readonly (LayerTap | 'stream')[]>> = {
  'input_layernorm.out': ['stream'],
  'self_attn.q_proj.out': ['input_layernorm.out'],
  'self_attn.k_proj.out': ['input_layernorm.out'],
  'self_attn.v_proj.out': ['input_layernorm.out'],
  'self_attn.q_rotated': ['self_attn.q_proj.out'],
  'self_attn.k_rotated': ['self_attn.k_proj.out'],
  'self_attn.k_cached': ['self_attn.k_rotated'],
  'self_attn.v_cached': ['self_attn.v_proj.out'],
  'self_attn.o_proj.in': ['self_attn.q_rotated', 'self_attn.k_cached', 'self_attn.v_cached'],
  'self_attn.out': ['self_attn.o_proj.in'],
  'post_attention_layernorm.in': ['stream', 'self_attn.out'],
  'post_attention_layernorm.out': ['post_attention_layernorm.in'],
  'mlp.gate_proj.out': ['post_attention_layernorm.out'],
  'mlp.up_proj.out': ['post_attention_layernorm.out'],
  'mlp.down_proj.in': ['mlp.gate_proj.out', 'mlp.up_proj.out'],
  'mlp.out': ['mlp.down_proj.in'],
  out: ['post_attention_layernorm.in', 'mlp.out'],
};

/** The taps that one is computed from; none for the embedding. */
export function inputsOf(tap: WhyTap, layers: number): readonly WhyTap[] {
  if (tap === 'embed_tokens.out') return [];
  if (tap === 'norm.out') return [layerTap(layers - 1, 'out')];
  if (tap === 'logits') return ['norm.out'];
  const { layer, name } = layerTapOf(tap)!;
  const stream = layer === 0 ? 'embed_tokens.out' : layerTap(layer - 1, 'out');
  return INPUTS[name].map((input) => (input === 'stream' ? stream : layerTap(layer, input)));
}

export interface Span {
  readonly taps: readonly WhyTap[];
  readonly readsUnknownPast: boolean;
}

/**
 * The taps between one and the recorded values that it follows from: what is wrong with it may be wrong in any of them.
 *
 * @param isRecorded - of the token's row; `everywhere`: of every position up to it, as attention reads keys and values.
 * @returns `taps`: nearest first; empty where every input is recorded. `readsUnknownPast`: attention among them reads keys and values of
 *   positions whose stream is not recorded, so that errors of all layers before reach it.
 */
export function spanOf(tap: WhyTap, layers: number, isRecorded: (tap: WhyTap, everywhere: boolean) => boolean): Span {
  const span = new Set<WhyTap>();
  // One that is passed at the token may have to be followed once more at every position.
  const visited = new Set<string>();
  let readsUnknownPast = false;
  const visit = (at: WhyTap, everywhere: boolean): void => {
    for (const input of inputsOf(at, layers)) {
      const isEverywhere = everywhere || layerTapOf(input)?.name.endsWith('_cached') === true;
      const key = `${input} ${isEverywhere}`;
      if (isRecorded(input, isEverywhere) || visited.has(key)) continue;
      visited.add(key);
      span.add(input);
      if (isEverywhere && layerTapOf(input)?.name === 'out') readsUnknownPast = true;
      visit(input, isEverywhere);
    }
  };
  visit(tap, false);
  return { taps: [...span], readsUnknownPast };
}
