// Tensors that a checkpoint holds and Qwen2ForCausalLM does not have: which say nothing, which are noted, which are refused.
import { listNames } from '../errors.ts';
import type { ModelConfig } from './config.ts';
import { LM_HEAD, layerOf } from './tensor-names.ts';

export interface ExtraTensors {
  readonly refused: readonly { readonly name: string; readonly what: string; readonly hint: string }[];
  readonly notes: readonly string[];
}

/** Buffers that a model computes itself when it is made. */
const COMPUTED =
  /\.rotary_emb\.(inv_freq|original_inv_freq|cos_cached|sin_cached)$|\.(masked_bias|attn_mask|causal_mask)$/;

/** The modules that make logits; a tensor in them would take part. */
const IN_THE_MODEL = /^(model|lm_head)\./;

/** For tensors that only a reader of their format could use. */
export const QUANTISED_HINT =
  'take config.json, whose quantization_config says how to read it, from where the checkpoint came from';

interface Cause {
  readonly names: RegExp;
  readonly what: string;
  readonly hint: string;
  /** Elsewhere, as in a value head, it says nothing about the model. */
  readonly onlyInTheModel?: true;
}

const CAUSES: readonly Cause[] = [
  {
    names: /lora_(A|B|embedding)|\.lora_|\.modules_to_save\./,
    what: 'an adapter that is not merged',
    hint: 'save the adapter apart (save_pretrained() of PEFT) and name --weights BASE+ADAPTER, or save what merge_and_unload() returns',
  },
  {
    names:
      /\.(qweight|qzeros|scales|g_idx|weight_scale(_inv)?|weight_packed|weight_shape|weight_zero_point|input_scale|SCB|absmax|quant_map|weight_format)$|\.(absmax|quant_map|nested_absmax|quant_state\.)/,
    what: 'part of a quantised weight',
    hint: QUANTISED_HINT,
  },
  {
    names: /\.(q_norm|k_norm)\.weight$/,
    what: 'a norm of queries and keys, which Qwen3 has',
    hint: 'check architectures in config.json: Qwen3 is not modelled',
  },
  {
    names: /\.bias$/,
    what: 'a bias that Qwen2ForCausalLM does not add',
    hint: 'remove it from the file if it is zero',
    onlyInTheModel: true,
  },
];

export function extraTensors(names: readonly string[], config: ModelConfig): ExtraTensors {
  const refused: { name: string; what: string; hint: string }[] = [];
  const noted: string[] = [];
  for (const name of names) {
    if (COMPUTED.test(name) || (name === LM_HEAD && config.tieWordEmbeddings)) continue;
    const layer = layerOf(name);
    const isInTheModel = IN_THE_MODEL.test(name);
    const cause = CAUSES.find(
      ({ names: pattern, onlyInTheModel }) => (isInTheModel || !onlyInTheModel) && pattern.test(name),
    );
    if (layer !== undefined && layer >= config.layers) {
      refused.push({
        name,
        what: `config.json has num_hidden_layers ${config.layers}`,
        hint: 'write the number of layers into config.json, or remove those beyond it from the files',
      });
    } else if (isInTheModel || cause !== undefined) {
      const { what, hint } = cause ?? {
        what: 'not part of Qwen2ForCausalLM',
        hint: 'remove it from the file if the model does not need it',
      };
      refused.push({ name, what, hint });
    } else {
      noted.push(name);
    }
  }
  if (noted.length === 0) return { refused, notes: [] };
  const notes = [`extra tensors, not part of Qwen2ForCausalLM and not read; the rest is complete: ${listNames(noted)}`];
  return { refused, notes };
}
