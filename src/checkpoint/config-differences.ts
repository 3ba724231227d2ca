// How the configs of two checkpoints that are compared with each other differ, as far as a logit or a continuation depends on it.
import type { ModelConfig } from './config.ts';

export interface ConfigDifference {
  /** The key of config.json. */
  readonly key: string;
  /** Value of the reference's checkpoint, as text; a default is marked. */
  readonly reference: string;
  readonly variant: string;
}

/** In the order in which they are told. */
const KEYS: readonly (readonly [key: string, read: (config: ModelConfig) => unknown])[] = [
  ['hidden_size', ({ hiddenSize }) => hiddenSize],
  ['intermediate_size', ({ intermediateSize }) => intermediateSize],
  ['num_hidden_layers', ({ layers }) => layers],
  ['num_attention_heads', ({ queryHeads }) => queryHeads],
  ['num_key_value_heads', ({ keyValueHeads }) => keyValueHeads],
  ['head_dim', ({ headDim }) => headDim],
  ['vocab_size', ({ vocabSize }) => vocabSize],
  ['rms_norm_eps', ({ rmsNormEps }) => rmsNormEps],
  ['rope_theta', ({ ropeTheta }) => ropeTheta],
  ['rope_scaling', ({ ropeScaling }) => ropeScaling ?? 'none'],
  ['max_position_embeddings', ({ maxPositionEmbeddings }) => maxPositionEmbeddings],
  ['sliding_window', ({ slidingWindow }) => slidingWindow ?? 'none active'],
  ['tie_word_embeddings', ({ tieWordEmbeddings }) => tieWordEmbeddings],
  ['eos_token_id', ({ eosTokenIds }) => [...eosTokenIds].sort((a, b) => a - b)],
];

/** Defaults are resolved: a key that is absent on one side and written with its default on the other is no difference. */
export function configDifferences(reference: ModelConfig, variant: ModelConfig): ConfigDifference[] {
  return KEYS.flatMap(([key, read]) => {
    const [a, b] = [shown(read(reference)), shown(read(variant))];
    return a === b ? [] : [{ key, reference: a + marked(reference, key), variant: b + marked(variant, key) }];
  });
}

function shown(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function marked({ defaulted }: ModelConfig, key: string): string {
  return defaulted.includes(key) ? ' (default)' : '';
}
