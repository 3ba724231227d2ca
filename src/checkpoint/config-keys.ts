// Every key that config.json files of Qwen2 checkpoints are known to have: read, refused, or why it cannot change a logit.
// Source: Transformers 4.41 to 5.24 (Qwen2Config, PretrainedConfig, GenerationConfig), run with each key; files as Qwen, DeepSeek,
// Axolotl, Unsloth and LLaMA-Factory write them.

/** Read by config.ts and rope-config.ts, or refused there by their value. */
const READ = [
  'architectures model_type hidden_act num_experts quantization_config compression_config quantization is_causal per_layer_config',
  'hidden_size intermediate_size num_hidden_layers num_attention_heads num_key_value_heads head_dim vocab_size rms_norm_eps',
  'max_position_embeddings original_max_position_embeddings rope_theta rope_scaling rope_parameters partial_rotary_factor',
  'tie_word_embeddings use_sliding_window sliding_window max_window_layers layer_types',
  'eos_token_id bos_token_id torch_dtype dtype dual_chunk_attention_config auto_map',
];

/** By reason. */
const IRRELEVANT = {
  'training only': [
    'attention_dropout hidden_dropout resid_pdrop embd_pdrop initializer_range gradient_checkpointing use_cache',
    'classifier_dropout router_aux_loss_coef loss_type problem_type finetuning_task task_specific_params pretraining_tp',
    'tf_legacy_loss use_bfloat16 unsloth_fixed unsloth_version',
  ],
  'how a program computes or answers, not what': [
    'attn_implementation _attn_implementation _attn_implementation_autoset _attn_implementation_internal use_flash_attn',
    '_experts_implementation_internal _flash_attn_2_enabled output_attentions _output_attentions output_hidden_states return_dict',
    'return_dict_in_generate torchscript chunk_size_feed_forward low_cpu_mem_usage max_sequence_length model_max_length',
  ],
  'names, versions and labels': [
    '_name_or_path name_or_path transformers_version tokenizer_class prefix id2label label2id num_labels _commit_hash',
    'pad_token_id sep_token_id cls_token_id unk_token_id mask_token_id decoder_start_token_id architecture base_model',
    'mergekit license language',
  ],
  // A text's positions are the same on all of its axes.
  'for images': ['use_mrope vision_start_token_id vision_end_token_id vision_token_id image_token_id video_token_id'],
  'parts that a decoder alone does not have': [
    'is_encoder_decoder is_decoder add_cross_attention cross_attention_hidden_size tie_encoder_decoder pruned_heads',
    'num_nextn_predict_layers value_head_prefix summary_type',
  ],
  // The harness takes the highest logit and feeds it on.
  sampling: [
    'do_sample temperature top_k top_p min_p typical_p repetition_penalty length_penalty diversity_penalty',
    'encoder_no_repeat_ngram_size no_repeat_ngram_size bad_words_ids suppress_tokens begin_suppress_tokens',
    'forced_bos_token_id forced_eos_token_id exponential_decay_length_penalty remove_invalid_values output_scores',
    'num_beams num_beam_groups num_return_sequences early_stopping max_length min_length max_new_tokens',
  ],
} as const;

const KNOWN: ReadonlySet<string> = new Set(
  [READ, ...Object.values(IRRELEVANT)].flat().flatMap((line) => line.split(' ')),
);

/** Keys that nobody here knows: whether they change a logit cannot be said, so a report names them. */
export function unknownConfigKeys(json: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(json).filter((key) => !KNOWN.has(key));
}
