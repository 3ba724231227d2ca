// A GGUF file as a checkpoint: config, tensors by the checkpoint's names, and tokenizer, all of it from the file itself.
import type { CheckpointTensor } from '../../checkpoint-tensor.ts';
import { EMBED_TOKENS, LM_HEAD } from '../../tensor-names.ts';
import { notRead } from '../format.ts';
import { checkpointTensor } from './blocks.ts';
import { configOf, type GgufConfig } from './config.ts';
import { brokenGguf } from './cursor.ts';
import type { Fields } from './fields.ts';
import type { GgufHeader } from './header.ts';
import { checkpointName } from './names.ts';
import { readShards, shardPaths } from './shards.ts';
import { type GgufTokenizer, tokenizerKind, tokenizerOf } from './tokenizer.ts';
import { fileTypeName } from './types.ts';

export interface OpenedGguf extends GgufConfig {
  /** By the names of `expectedTensors`; what Qwen2 does not have, under its own. */
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  /** Absolute paths of the file or of all shards, in order. */
  readonly files: readonly string[];
  readonly tokenizer: GgufTokenizer | undefined;
  /** `GGUF Q4_K_M: Q5_0 x 133, F32 x 121, Q8_0 x 13`, most frequent types first. */
  readonly encoding: string;
  readonly notes: readonly string[];
}

/**
 * Opens a model of architecture qwen2; reads headers only.
 *
 * @param path - a .gguf file, or any shard of a model.
 * @throws InputError `FILE_*`, `GGUF_HEADER`, `CHECKPOINT_SHARDS`; UnsupportedError `QUANTISED_UNSUPPORTED` for architectures, types
 *   and fields that are not understood, by name.
 */
export function openGguf(path: string): OpenedGguf {
  const files = shardPaths(path);
  const headers = readShards(files);
  const fields: Fields = headers[0]!;
  const { tensors, types } = tensorsOf(headers);
  const embedding = tensors.get(EMBED_TOKENS);
  const { config, generation } = configOf(fields, {
    vocabSize: embedding?.shape[0] ?? 0,
    hasHead: tensors.has(LM_HEAD),
  });
  if (embedding === undefined) throw brokenGguf(files[0]!, 'there is no token_embd.weight', {});
  return {
    config,
    generation,
    tensors,
    files,
    tokenizer: tokenizerOf(fields),
    encoding: encodingOf(fields, types),
    notes: notesOn(fields),
  };
}

interface NamedTensors {
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  /** Type -> number of tensors. */
  readonly types: ReadonlyMap<string, number>;
}

function tensorsOf(headers: readonly GgufHeader[]): NamedTensors {
  const tensors = new Map<string, CheckpointTensor>();
  const types = new Map<string, number>();
  for (const { path, tensors: stored } of headers) {
    for (const [ggufName, tensor] of stored) {
      if (/(^|\.)rope_freqs\.weight$/.test(ggufName)) {
        throw notRead(path, 'factors of single rotary frequencies are not modelled', ggufName, 'a file without them');
      }
      const name = checkpointName(ggufName) ?? ggufName;
      if (tensors.has(name))
        throw brokenGguf(path, 'two tensors are one of the model', { tensor: ggufName, 'read as': name });
      tensors.set(name, checkpointTensor(path, tensor));
      types.set(tensor.type, (types.get(tensor.type) ?? 0) + 1);
    }
  }
  return { tensors, types };
}

function encodingOf({ metadata }: Fields, types: ReadonlyMap<string, number>): string {
  const name = fileTypeName(metadata.get('general.file_type'));
  const counts = [...types]
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .map(([type, count]) => `${type} x ${count}`);
  return `GGUF${name === undefined ? '' : ` ${name}`}: ${counts.join(', ')}`;
}

function notesOn(fields: Fields): string[] {
  const kind = tokenizerKind(fields);
  if (kind === 'gpt2') return [];
  const found = kind === undefined ? 'has no tokenizer' : `has a tokenizer of kind ${kind}, which is not read`;
  return [`${fields.path}: the file ${found}; prompts are given as ids`];
}
