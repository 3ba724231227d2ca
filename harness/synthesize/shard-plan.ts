// Which tensor goes into which weight file, as the Qwen team split its models.
// Source: the sizes of Qwen2-7B's four files, which a greedy split in the order of computation gives to the byte.

import type { ModelConfig } from '../../src/checkpoint/config.ts';
import { encodeSafetensorsHeader } from '../../src/checkpoint/safetensors.ts';
import { expectedTensors } from '../../src/checkpoint/tensor-names.ts';
import type { Dtype } from '../../src/tensor/dtypes.ts';
import { DTYPE_BYTES, elementCount } from '../../src/tensor/dtypes.ts';

/** The limit that Qwen's 7B files follow. */
const SHARD_BYTES_MAX = 4e9;
/** As PyTorch's writer marks its files. */
const METADATA = { format: 'pt' };

export interface ShardTensor {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

export interface Shard {
  readonly fileName: string;
  /** Length field and JSON of the safetensors file. */
  readonly header: Uint8Array;
  /** In the order of the file: by name. */
  readonly tensors: readonly ShardTensor[];
  readonly dataBytes: number;
}

/** Files of a BF16 checkpoint: one `model.safetensors`, or `model-00001-of-0000N.safetensors` … of up to 4 GB. */
export function planShards(config: ModelConfig, bytesMax: number = SHARD_BYTES_MAX): readonly Shard[] {
  const groups: ShardTensor[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const [name, shape] of expectedTensors(config)) {
    const tensor: ShardTensor = { name, dtype: 'BF16', shape };
    if (bytes + bytesOf(tensor) > bytesMax) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)!.push(tensor);
    bytes += bytesOf(tensor);
  }
  const count = String(groups.length).padStart(5, '0');
  return groups.map((group, i) => {
    const tensors = group.sort((a, b) => (a.name < b.name ? -1 : 1));
    return {
      fileName:
        groups.length === 1 ? 'model.safetensors' : `model-${String(i + 1).padStart(5, '0')}-of-${count}.safetensors`,
      header: encodeSafetensorsHeader(tensors, METADATA),
      tensors,
      dataBytes: tensors.reduce((sum, tensor) => sum + bytesOf(tensor), 0),
    };
  });
}

/** model.safetensors.index.json of several shards. */
export function shardIndexJson(shards: readonly Shard[]): unknown {
  const entries = shards.flatMap(({ fileName, tensors }) => tensors.map(({ name }) => [name, fileName] as const));
  return {
    metadata: { total_size: shards.reduce((sum, { dataBytes }) => sum + dataBytes, 0) },
    weight_map: Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

function bytesOf({ dtype, shape }: ShardTensor): number {
  return elementCount(shape) * DTYPE_BYTES[dtype];
}
