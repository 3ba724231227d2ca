// A checkpoint folder with one layer of Qwen2-7B's shape, BF16, seeded weights and a small vocabulary, for a while.
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseModelConfig } from '../../src/checkpoint/config.ts';
import { expectedTensors } from '../../src/checkpoint/tensor-names.ts';
import { uniformValues } from './random-values.ts';

export const LAYER_7B = {
  hiddenSize: 3584,
  intermediateSize: 18_944,
  keyValueWidth: 512,
  vocabSize: 1024,
} as const;

const CONFIG = {
  architectures: ['Qwen2ForCausalLM'],
  model_type: 'qwen2',
  hidden_act: 'silu',
  hidden_size: LAYER_7B.hiddenSize,
  intermediate_size: LAYER_7B.intermediateSize,
  num_hidden_layers: 1,
  num_attention_heads: 28,
  num_key_value_heads: 4,
  vocab_size: LAYER_7B.vocabSize,
  max_position_embeddings: 32_768,
  rms_norm_eps: 1e-6,
  rope_theta: 1_000_000,
  tie_word_embeddings: true,
  use_sliding_window: false,
  torch_dtype: 'bfloat16',
};

/** Small enough that the residual stream stays near one. */
const WEIGHT_SCALE = 0.02;

/** Makes the folder, hands it to `use` and removes it. */
export async function withSyntheticLayer<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'qwen-pcc-layer-'));
  try {
    writeFileSync(join(folder, 'config.json'), JSON.stringify(CONFIG));
    writeWeights(folder);
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function writeWeights(folder: string): void {
  const header: Record<string, object> = {};
  const lengths: number[] = [];
  let offset = 0;
  for (const [name, shape] of expectedTensors(parseModelConfig(CONFIG))) {
    const length = shape.reduce((product, side) => product * side, 1);
    header[name] = { dtype: 'BF16', shape, data_offsets: [offset, offset + 2 * length] };
    offset += 2 * length;
    lengths.push(length);
  }
  const text = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  const file = openSync(join(folder, 'model.safetensors'), 'w');
  try {
    for (const bytes of [size, text]) writeSync(file, bytes);
    for (const [index, length] of lengths.entries()) writeSync(file, bf16Patterns(length, index + 1));
  } finally {
    closeSync(file);
  }
}

function bf16Patterns(length: number, seed: number): Uint16Array {
  const bits = new Uint32Array(uniformValues(length, seed).map((value) => value * WEIGHT_SCALE).buffer);
  return Uint16Array.from(bits, (word) => word >>> 16);
}
