// Names of tensors: GGUF's for architecture qwen2, and those of the checkpoint that they were converted from.
// Source: gguf-py 0.19.0, get_tensor_name_map(MODEL_ARCH.QWEN2); llama.cpp's conversion renames Qwen2's tensors and changes none: rows of
// q and k stay where they are (those of architecture llama are permuted for another rotary embedding), biases of q, k, v are there.
import { EMBED_TOKENS, FINAL_NORM, LM_HEAD, layerPrefix } from '../../tensor-names.ts';

const WHOLE_MODEL: Readonly<Record<string, string>> = {
  'token_embd.weight': EMBED_TOKENS,
  'output_norm.weight': FINAL_NORM,
  'output.weight': LM_HEAD,
};

const OF_LAYER: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};

/** @returns undefined for a tensor that Qwen2 does not have. */
export function checkpointName(ggufName: string): string | undefined {
  if (Object.hasOwn(WHOLE_MODEL, ggufName)) return WHOLE_MODEL[ggufName];
  const [, layer, part, kind] = /^blk\.(0|[1-9]\d{0,8})\.([a-z_]+)\.(weight|bias)$/.exec(ggufName) ?? [];
  if (part === undefined || !Object.hasOwn(OF_LAYER, part)) return undefined;
  return `${layerPrefix(Number(layer))}.${OF_LAYER[part]}.${kind}`;
}
