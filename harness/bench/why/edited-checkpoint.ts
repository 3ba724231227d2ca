// A checkpoint whose tensors are changed in memory: what a damaged file would hold, without one.
import type { CheckpointTensor } from '../../../src/checkpoint/checkpoint-tensor.ts';
import type { ModelConfig } from '../../../src/checkpoint/config.ts';
import type { Checkpoint } from '../../../src/checkpoint/weights.ts';

/** @param edit - of a tensor's values in place, by name; tensors without one stay as they are. */
export function editedCheckpoint(
  checkpoint: Checkpoint,
  edits: Readonly<Record<string, (values: Float32Array, shape: readonly number[]) => void>>,
  config: Partial<ModelConfig> = {},
): Checkpoint {
  const changed = new Map<string, Float32Array>();
  const tensors = new Map(checkpoint.tensors);
  for (const [name, edit] of Object.entries(edits)) {
    const { shape, file } = checkpoint.tensors.get(name)!;
    const values = checkpoint.readFloat32(name);
    edit(values, shape);
    changed.set(name, values);
    tensors.set(name, heldTensor(values, shape, file));
  }
  const digest = `edited ${Object.keys(edits).join()} ${JSON.stringify(config)}`;
  return {
    ...checkpoint,
    config: { ...checkpoint.config, ...config },
    tensors,
    readFloat32: (name) => changed.get(name)?.slice() ?? checkpoint.readFloat32(name),
    readRows(name, firstRow, count) {
      const values = changed.get(name);
      if (values === undefined) return checkpoint.readRows(name, firstRow, count);
      const columns = checkpoint.tensors.get(name)!.shape[1]!;
      return values.slice(firstRow * columns, (firstRow + count) * columns);
    },
    sha256: () => Promise.resolve(digest),
  };
}

function heldTensor(values: Float32Array, shape: readonly number[], file: string): CheckpointTensor {
  const columns = shape.at(-1)!;
  return {
    kind: 'decoded',
    shape,
    format: 'edited',
    file,
    lengthBytes: values.byteLength,
    decodeRows: (firstRow, out) => out.set(values.subarray(firstRow * columns, firstRow * columns + out.length)),
  };
}
