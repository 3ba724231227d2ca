// A GGUF file of 2 KB that has what a large one has: every type of value, a vocabulary, quantised and plain tensors.
import { ggufBytes, type TensorToPut } from '../../../src/checkpoint/formats/gguf/gguf-file.fixture.ts';

const HIDDEN = 32;
const VOCAB = 16;
/** GGUF's numbers of types, and bytes of a row of 32. */
const TYPES = { F32: [0, 128], F16: [1, 64], Q4_0: [2, 18], Q8_0: [8, 34] } as const;

const TENSORS: readonly (readonly [name: string, type: keyof typeof TYPES, rows: number | undefined])[] = [
  ['token_embd.weight', 'Q8_0', VOCAB],
  ['output.weight', 'F16', VOCAB],
  ['output_norm.weight', 'F32', undefined],
  ['blk.0.attn_norm.weight', 'F32', undefined],
  ['blk.0.attn_q.weight', 'Q4_0', HIDDEN],
  ['blk.0.attn_q.bias', 'F32', undefined],
];

const METADATA: readonly (readonly [string, string | number | boolean | Int32Array | string[]])[] = [
  ['general.architecture', 'qwen2'],
  ['general.file_type', 7],
  ['qwen2.block_count', 1],
  ['qwen2.context_length', 64],
  ['qwen2.embedding_length', HIDDEN],
  ['qwen2.feed_forward_length', HIDDEN],
  ['qwen2.attention.head_count', 2],
  ['qwen2.attention.head_count_kv', 1],
  ['qwen2.rope.freq_base', 1_000_000.5],
  ['qwen2.attention.layer_norm_rms_epsilon', 1e-6],
  ['tokenizer.ggml.model', 'gpt2'],
  ['tokenizer.ggml.pre', 'qwen2'],
  ['tokenizer.ggml.tokens', Array.from({ length: VOCAB }, (_, id) => `<${id}>`)],
  ['tokenizer.ggml.token_type', Int32Array.from({ length: VOCAB }, () => 1)],
  ['tokenizer.ggml.merges', ['< 1', '1 >']],
  ['tokenizer.ggml.eos_token_id', 2],
  ['tokenizer.ggml.add_bos_token', false],
];

let bytes: Buffer | undefined;

export function smallGguf(): Buffer {
  bytes ??= ggufBytes({ metadata: METADATA, tensors: TENSORS.map(tensor) });
  return bytes;
}

function tensor([name, type, rows]: (typeof TENSORS)[number]): TensorToPut {
  const [number, rowBytes] = TYPES[type];
  const shape = rows === undefined ? [HIDDEN] : [rows, HIDDEN];
  return { name, type: number, shape, data: new Uint8Array(rowBytes * (rows ?? 1)).fill(0x3c) };
}
