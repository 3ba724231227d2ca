// Variants of a checkpoint in memory: tensors changed by a function of all their values, the rest as it is.

import { join } from 'node:path';
import { FIXTURES } from '../../../src/checkpoint/checkpoint.fixture.ts';
import {
  type CheckpointTensor,
  type DecodedTensor,
  readWholeTensor,
  sidesOf,
} from '../../../src/checkpoint/checkpoint-tensor.ts';
import { expectedTensors } from '../../../src/checkpoint/tensor-names.ts';
import { type Checkpoint, openCheckpoint } from '../../../src/checkpoint/weights.ts';
import { elementCount } from '../../../src/tensor/dtypes.ts';

import type { WeightComparison } from './weight-comparison.ts';

/** New values of a tensor [rows, columns], as a fresh array. */
export type Change = (values: Float32Array, columns: number, name: string) => Float32Array;

export interface ValuesOptions {
  readonly format?: string;
  readonly bits?: number;
  readonly shape?: readonly number[];
}

/** The first layers of tiny-qwen2, with a vocabulary that is no multiple of a tile, in memory. */
export function smallBase(layers = 3, vocabSize = 70): Checkpoint {
  const whole = tinyBase();
  const config = { ...whole.config, layers, vocabSize };
  const tensors = [...expectedTensors(config)].map(([name, shape]) => {
    const values = whole.readFloat32(name).slice(0, elementCount(shape));
    return [name, tensorOfValues(whole.tensors.get(name)!, values, { shape, format: 'BF16', bits: 16 })] as const;
  });
  return { ...whole, config, tensors: new Map(tensors) };
}

export function tinyBase(): Checkpoint {
  return openCheckpoint(join(FIXTURES, 'tiny-qwen2'));
}

export function tensorOfValues(
  like: CheckpointTensor,
  values: Float32Array,
  options: ValuesOptions = {},
): DecodedTensor {
  const shape = options.shape ?? like.shape;
  const [, columns] = sidesOf({ shape, file: like.file });
  return {
    kind: 'decoded',
    shape,
    format: options.format ?? 'F32',
    file: like.file,
    lengthBytes: Math.ceil((values.length * (options.bits ?? 32)) / 8),
    decodeRows(firstRow, out) {
      out.set(values.subarray(firstRow * columns, firstRow * columns + out.length));
    },
  };
}

/** Every matrix of the layers changed, or every one that `which` takes. */
export function variantOf(
  base: Checkpoint,
  which: (name: string) => boolean,
  change: Change,
  options: ValuesOptions = {},
): Checkpoint {
  const tensors = new Map(base.tensors);
  for (const [name, tensor] of base.tensors) {
    if (!which(name)) continue;
    const [, columns] = sidesOf(tensor);
    tensors.set(name, tensorOfValues(tensor, change(readWholeTensor(tensor), columns, name), options));
  }
  return { ...base, name: 'variant', tensors };
}

/** One tensor changed, given by the end of its name. */
export function planted(base: Checkpoint, end: string, change: Change): Checkpoint {
  return variantOf(base, (name) => name.endsWith(end), change);
}

export function withTensors(base: Checkpoint, changed: Readonly<Record<string, CheckpointTensor>>): Checkpoint {
  return { ...base, name: 'variant', tensors: new Map([...base.tensors, ...Object.entries(changed)]) };
}

export const isProjection = (name: string): boolean => /_proj\.weight$/.test(name);
export const isMatrixName = (name: string): boolean =>
  isProjection(name) || /(embed_tokens|lm_head)\.weight$/.test(name);

/** The same values on every machine. */
export function noise(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** `name: kinds` of every tensor that is diagnosed. */
export function diagnosesOf({ tensors }: WeightComparison): Record<string, string> {
  const diagnosed = tensors.filter(({ diagnoses }) => diagnoses.length > 0);
  return Object.fromEntries(
    diagnosed.map(({ name, diagnoses }) => [name, diagnoses.map(({ kind }) => kind).join(' ')]),
  );
}

export function sentenceOf({ tensors }: WeightComparison, end: string): string {
  return tensors.find(({ name }) => name.endsWith(end))?.diagnoses[0]?.sentence ?? 'none';
}

/** Values at [row, column] of a tensor that has `from`'s. */
export function reordered(
  values: Float32Array,
  columns: number,
  from: (row: number, column: number) => readonly [row: number, column: number],
): Float32Array {
  return values.map((_, i) => {
    const [row, column] = from(Math.floor(i / columns), i % columns);
    return values[row * columns + column]!;
  });
}
