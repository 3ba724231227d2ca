// A PEFT LoRA adapter on a base: every changed matrix is W + scale · (B · A), computed row by row as PEFT merges it in float32.
// Source: PEFT 0.21.2 `merge_and_unload()` on a float32 model (`Linear.merge`, `Embedding.merge`, `get_delta_weight`), torch 2.13.0.
import { basename } from 'node:path';
import { listNames } from '../../errors.ts';
import {
  type CheckpointTensor,
  type DecodedTensor,
  type PlainTensor,
  readTensorRows,
  readWholeTensor,
} from '../checkpoint-tensor.ts';
import { EMBED_TOKENS, LM_HEAD } from '../tensor-names.ts';
import { adapterNotRead, adapterTensor } from './adapter-errors.ts';
import { type Adapter, isTargeted, type Parts, readAdapter, requireShape } from './adapter-files.ts';
import { lowRankRow } from './low-rank.ts';
import { recentlyUsed } from './packed-bytes.ts';

export interface AdaptedWeights {
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  /** One line for reports: `LoRA, rank 8, on 14 matrices`. */
  readonly encoding: string;
  readonly notes: readonly string[];
  /** Absolute or as the folder was named: what decides the values beside the base. */
  readonly files: readonly string[];
}

export interface AdapterOptions {
  /** Folder name of the base, against which base_model_name_or_path is held. */
  readonly baseName?: string;
}

/**
 * Applies an adapter.
 *
 * @param base - the model's tensors, plain or decoded; kept and read by rows.
 * @throws InputError `ADAPTER_UNREADABLE`, `ADAPTER_TENSOR`, UnsupportedError `ADAPTER_UNSUPPORTED`; of the safetensors file as usual.
 */
export function applyAdapter(
  adapterFolder: string,
  base: ReadonlyMap<string, CheckpointTensor>,
  { baseName }: AdapterOptions = {},
): AdaptedWeights {
  const adapter = readAdapter(adapterFolder, base);
  const { settings, weights, updates, replaced } = adapter;
  const tensors = new Map(base);
  for (const [name, tensor] of replaced) tensors.set(name, tensor);
  const ranks = new Set<number>();
  for (const [module, parts] of updates) {
    const weight = `${module}.weight`;
    const update = updateOf(adapter, module, parts, tensors.get(weight)!);
    ranks.add(update.rank);
    tensors.set(weight, adaptedMatrix(tensors.get(weight)!, weights, update));
    const bias = parts.get('lora_B.bias');
    if (bias !== undefined) tensors.set(`${module}.bias`, adaptedBias(adapter, module, bias, tensors, update.scale));
  }
  requireUntied(settings.path, base, tensors);
  return {
    tensors,
    encoding: `LoRA, rank ${[...ranks].sort((a, b) => a - b).join(' and ')}, on ${updates.size} matrices`,
    notes: notesOn(adapter, baseName),
    files: [settings.path, weights],
  };
}

/** What is added to a matrix: scale · left · right, with left [rows, rank] and right [rank, columns]. */
interface Update {
  readonly rank: number;
  /** float32. */
  readonly scale: number;
  readonly lengthBytes: number;
  /** Rows of `left`, [count, rank]. */
  readonly leftRows: (firstRow: number, count: number) => Float32Array;
  readonly right: () => Float32Array;
}

function updateOf({ settings, weights }: Adapter, module: string, parts: Parts, { shape }: CheckpointTensor): Update {
  const { targets } = settings;
  if (targets !== undefined && !isTargeted(targets, module)) {
    throw adapterTensor(
      weights,
      `${module} has an update, but is no target`,
      module,
      `target_modules ${listNames(targets)}`,
    );
  }
  const isEmbedding = parts.has('lora_embedding_A') || parts.has('lora_embedding_B');
  const [a, b] = isEmbedding ? ['lora_embedding_A', 'lora_embedding_B'] : ['lora_A.weight', 'lora_B.weight'];
  const [A, B] = [parts.get(a!), parts.get(b!)];
  if (
    A === undefined ||
    B === undefined ||
    (isEmbedding && parts.size > 2) ||
    isEmbedding !== `${module}.weight`.startsWith(EMBED_TOKENS)
  ) {
    throw adapterTensor(
      weights,
      `the update of ${module} is not complete`,
      [...parts.keys()].join(', '),
      `${a} and ${b}`,
    );
  }
  if (parts.has('lora_B.bias') !== settings.hasBias) {
    const found = `lora_bias ${settings.hasBias}`;
    throw adapterTensor(
      weights,
      `the bias of the update of ${module} and lora_bias contradict each other`,
      found,
      'both or none',
    );
  }
  const [rows, columns] = shape as [number, number];
  const rank = settings.rankOf(module);
  // An embedding's update is transposed: A is [rank, vocabulary].
  requireShape(weights, `${module}.${a}`, A.shape, [rank, isEmbedding ? rows : columns]);
  requireShape(weights, `${module}.${b}`, B.shape, [isEmbedding ? columns : rows, rank]);
  const alpha = settings.alphaOf(module);
  const right = recentRight({ tensor: isEmbedding ? B : A, isTransposed: isEmbedding, name: module });
  const turned = isEmbedding ? recentRight({ tensor: A, isTransposed: true, name: module }) : undefined;
  return {
    rank,
    scale: Math.fround(settings.isRankStabilised ? alpha / Math.sqrt(rank) : alpha / rank),
    lengthBytes: A.lengthBytes + B.lengthBytes,
    leftRows: (firstRow, count) =>
      turned?.().subarray(firstRow * rank, (firstRow + count) * rank) ??
      finite(weights, module, readTensorRows(B, firstRow, count)),
    right,
  };
}

interface Factor {
  readonly tensor: PlainTensor;
  readonly isTransposed: boolean;
  readonly name: string;
}

/** Factors are read at their first row and kept while they are in use: together they are as large as the adapter. */
const factorValues = recentlyUsed(({ tensor, isTransposed, name }: Factor): Float32Array => {
  const values = finite(tensor.file, name, readWholeTensor(tensor));
  return isTransposed ? transposed(values, tensor.shape[0]!, tensor.shape[1]!) : values;
}, 8);

function recentRight(factor: Factor): () => Float32Array {
  return () => factorValues(factor);
}

function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  const turned = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) turned[column * rows + row] = values[row * columns + column]!;
  }
  return turned;
}

function finite(file: string, module: string, values: Float32Array): Float32Array {
  const at = values.findIndex((value) => !Number.isFinite(value));
  if (at === -1) return values;
  throw adapterTensor(file, `the update of ${module} holds values that are none`, `${values[at]}`, 'finite numbers');
}

function adaptedMatrix(base: CheckpointTensor, file: string, update: Update): DecodedTensor {
  const columns = base.shape[1]!;
  const { rank, scale } = update;
  return {
    kind: 'decoded',
    shape: base.shape,
    format: `${base.kind === 'plain' ? base.dtype : base.format} + LoRA r${rank}`,
    file,
    lengthBytes: base.lengthBytes + update.lengthBytes,
    decodeRows(firstRow, out) {
      const count = out.length / columns;
      if (base.kind === 'plain') out.set(readTensorRows(base, firstRow, count));
      else base.decodeRows(firstRow, out);
      const left = update.leftRows(firstRow, count);
      const right = update.right();
      const sums = new Float32Array(columns);
      for (let row = 0; row < count; row++) {
        lowRankRow(left, row * rank, right, rank, sums);
        const start = row * columns;
        // Zero as long as all are finite.
        let probe = 0;
        for (let column = 0; column < columns; column++) {
          const delta = Math.fround(sums[column]! * scale);
          probe += delta * 0;
          out[start + column]! += delta;
        }
        if (probe !== 0) throw adapterTensor(file, 'an update is infinite', `row ${firstRow + row}`, 'finite numbers');
      }
    },
  };
}

function adaptedBias(
  { weights }: Adapter,
  module: string,
  added: PlainTensor,
  tensors: ReadonlyMap<string, CheckpointTensor>,
  scale: number,
): DecodedTensor {
  const base = tensors.get(`${module}.bias`);
  if (base === undefined) {
    throw adapterTensor(
      weights,
      `the update of ${module} has a bias, but the module has none`,
      'lora_B.bias',
      'no bias',
    );
  }
  requireShape(weights, `${module}.lora_B.bias`, added.shape, base.shape);
  return {
    kind: 'decoded',
    shape: base.shape,
    format: `${base.kind === 'plain' ? base.dtype : base.format} + LoRA bias`,
    file: weights,
    lengthBytes: base.lengthBytes + added.lengthBytes,
    decodeRows(_, out) {
      out.set(readWholeTensor(base));
      const values = finite(weights, module, readWholeTensor(added));
      for (let i = 0; i < out.length; i++) out[i]! += Math.fround(values[i]! * scale);
    },
  };
}

/** In PEFT, changing one of two tied matrices unties them or not, depending on version and options. */
function requireUntied(
  path: string,
  base: ReadonlyMap<string, CheckpointTensor>,
  tensors: ReadonlyMap<string, CheckpointTensor>,
): void {
  if (base.has(LM_HEAD) || base.get(EMBED_TOKENS) === tensors.get(EMBED_TOKENS)) return;
  throw adapterNotRead(
    path,
    'the adapter changes the embedding of a base whose lm_head is tied to it',
    EMBED_TOKENS,
    'an untied base',
  );
}

function notesOn({ settings, updates, replaced }: Adapter, baseName: string | undefined): string[] {
  const notes: string[] = [];
  const { baseName: named, saysFanInFanOut } = settings;
  if (named !== undefined && baseName !== undefined && basename(named) !== baseName) {
    notes.push(`adapter_config.json: the adapter was made for ${named}, and is applied to ${baseName}`);
  }
  if (saysFanInFanOut)
    notes.push('adapter_config.json: fan_in_fan_out is not followed, as in PEFT for the layers of a Qwen2');
  if (replaced.size > 0) notes.push(`the adapter brings whole tensors of its own: ${listNames([...replaced.keys()])}`);
  if (updates.size === 0) notes.push('the adapter updates no matrix');
  return notes;
}
