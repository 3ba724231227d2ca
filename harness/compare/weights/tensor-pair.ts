// A tensor of the base beside the one of that name in the variant, and rows of both: nothing here holds a whole tensor.
import { type CheckpointTensor, readTensorRows, sidesOf } from '../../../src/checkpoint/checkpoint-tensor.ts';

export interface TensorPair {
  readonly name: string;
  readonly base: CheckpointTensor;
  readonly variant: CheckpointTensor;
  /** Rows that both have; a vector is one row. */
  readonly rows: number;
  readonly columns: number;
}

export function createPair(name: string, base: CheckpointTensor, variant: CheckpointTensor): TensorPair {
  const [baseRows, columns] = sidesOf(base);
  return { name, base, variant, rows: Math.min(baseRows, sidesOf(variant)[0]), columns };
}

export function isMatrix({ base }: TensorPair): boolean {
  return base.shape.length === 2;
}

export type Side = 'base' | 'variant';

/** Some rows of one side, in the order asked for: [indexes.length, columns]; neighbours are read together. */
export function readRowsOf(tensor: CheckpointTensor, indexes: readonly number[]): Float32Array {
  const [, columns] = sidesOf(tensor);
  const values = new Float32Array(indexes.length * columns);
  for (let i = 0; i < indexes.length; ) {
    let count = 1;
    while (indexes[i + count] === indexes[i]! + count) count++;
    values.set(readTensorRows(tensor, indexes[i]!, count), i * columns);
    i += count;
  }
  return values;
}

/** Numbers 0 … length - 1, at most `count` of them, evenly spread and off the ends, which permutations like to leave in place. */
export function spread(length: number, count: number): number[] {
  if (length <= count) return Array.from({ length }, (_, i) => i);
  return Array.from({ length: count }, (_, i) => Math.floor(((i + 0.37) * length) / count));
}
