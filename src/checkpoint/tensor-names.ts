// The tensors of a dense Qwen2 checkpoint: names as Hugging Face writes them, shapes from the config.

/** What of a `ModelConfig` says which tensors there are; config.ts itself asks for names, through the formats of its weights. */
export interface ModelSizes {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly queryHeads: number;
  readonly keyValueHeads: number;
  readonly headDim: number;
  readonly vocabSize: number;
  readonly tieWordEmbeddings: boolean;
}

export const EMBED_TOKENS = 'model.embed_tokens.weight';
export const FINAL_NORM = 'model.norm.weight';
export const LM_HEAD = 'lm_head.weight';

/** Prefix of one decoder layer's tensors, e.g. `model.layers.3`. */
export function layerPrefix(layer: number): string {
  return `model.layers.${layer}`;
}

/** Every tensor the model reads, with its shape; matrices are [out, in]. Tied embeddings have no `lm_head.weight`. */
export function expectedTensors(config: ModelSizes): ReadonlyMap<string, readonly number[]> {
  const { hiddenSize: H, intermediateSize: F, vocabSize: V, queryHeads, keyValueHeads, headDim } = config;
  const queryWidth = queryHeads * headDim;
  const keyValueWidth = keyValueHeads * headDim;
  const shapes = new Map<string, readonly number[]>([[EMBED_TOKENS, [V, H]]]);
  for (let layer = 0; layer < config.layers; layer++) {
    const prefix = layerPrefix(layer);
    shapes.set(`${prefix}.input_layernorm.weight`, [H]);
    for (const [projection, width] of [
      ['q_proj', queryWidth],
      ['k_proj', keyValueWidth],
      ['v_proj', keyValueWidth],
    ] as const) {
      shapes.set(`${prefix}.self_attn.${projection}.weight`, [width, H]);
      shapes.set(`${prefix}.self_attn.${projection}.bias`, [width]);
    }
    shapes.set(`${prefix}.self_attn.o_proj.weight`, [H, queryWidth]);
    shapes.set(`${prefix}.post_attention_layernorm.weight`, [H]);
    shapes.set(`${prefix}.mlp.gate_proj.weight`, [F, H]);
    shapes.set(`${prefix}.mlp.up_proj.weight`, [F, H]);
    shapes.set(`${prefix}.mlp.down_proj.weight`, [H, F]);
  }
  shapes.set(FINAL_NORM, [H]);
  if (!config.tieWordEmbeddings) shapes.set(LM_HEAD, [V, H]);
  return shapes;
}

/** The layer that a tensor belongs to by its name. */
export function layerOf(name: string): number | undefined {
  const digits = /^model\.layers\.(\d{1,9})\./.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
