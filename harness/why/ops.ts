// Which operation makes each tap: the table that errors are blamed by.
import { allTaps, type LayerTap, type TapName } from '../../src/device/taps.ts';
import type { WhyOp } from '../record/why-record.ts';

/** The logits are not a tap of the graph, but the last value of it. */
export type WhyTap = TapName | 'logits';

const OP_OF_LAYER_TAP: Readonly<Record<LayerTap, WhyOp>> = {
  'input_layernorm.out': 'norm',
  'self_attn.q_proj.out': 'qkv',
  'self_attn.k_proj.out': 'qkv',
  'self_attn.v_proj.out': 'qkv',
  'self_attn.q_rotated': 'rotary',
  'self_attn.k_rotated': 'rotary',
  'self_attn.k_cached': 'kvCache',
  'self_attn.v_cached': 'kvCache',
  'self_attn.o_proj.in': 'attention',
  'self_attn.out': 'o',
  'post_attention_layernorm.in': 'residual',
  'post_attention_layernorm.out': 'norm',
  'mlp.gate_proj.out': 'gateUp',
  'mlp.up_proj.out': 'gateUp',
  'mlp.down_proj.in': 'gatedSilu',
  'mlp.out': 'down',
  out: 'residual',
};

export interface OpPlace {
  /** null: outside of the layers. */
  readonly layer: number | null;
  readonly op: WhyOp;
}

export function opOf(tap: WhyTap): OpPlace {
  if (tap === 'embed_tokens.out') return { layer: null, op: 'embedding' };
  if (tap === 'norm.out') return { layer: null, op: 'finalNorm' };
  if (tap === 'logits') return { layer: null, op: 'lmHead' };
  const { layer, name } = layerTapOf(tap)!;
  return { layer, op: OP_OF_LAYER_TAP[name] };
}

/** Layer and name of a tap in a layer; undefined for those outside. */
export function layerTapOf(tap: WhyTap): { readonly layer: number; readonly name: LayerTap } | undefined {
  const [, layer, name] = /^layers\.(\d+)\.(.+)$/.exec(tap) ?? [];
  return layer === undefined ? undefined : { layer: Number(layer), name: name as LayerTap };
}

/** In order of computation. */
export function whyTaps(layers: number): readonly WhyTap[] {
  return [...allTaps(layers), 'logits'];
}

/** What people call an operation. */
export const OP_NAMES: Readonly<Record<WhyOp, string>> = {
  embedding: 'embedding',
  norm: 'RMSNorm',
  qkv: 'q, k, v projection',
  rotary: 'rotary embedding',
  kvCache: 'KV cache',
  attention: 'attention (SDPA)',
  o: 'output projection of attention',
  residual: 'residual addition',
  gateUp: 'gate and up projection',
  gatedSilu: 'SiLU(gate) * up',
  down: 'down projection',
  finalNorm: 'final RMSNorm',
  lmHead: 'lm_head and its logits format',
};
