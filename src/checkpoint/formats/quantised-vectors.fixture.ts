// Small matrices of a quantised format with what its own library makes of them, and tools that hold a reader to them.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CheckpointTensor, type PlainTensor, readTensorRows, readWholeTensor } from '../checkpoint-tensor.ts';
import { readSafetensorsHeader } from '../safetensors.ts';
import type { StoredWeights } from './format.ts';
import type { Settings } from './settings.ts';

export const QUANTISED: string = join(import.meta.dirname, '../../../fixtures/quantised');

export interface VectorCase {
  readonly name: string;
  readonly shape: readonly [number, number];
  readonly settings: Settings;
  /** Of the float32 little-endian bytes of the library's values. */
  readonly sha256: string;
}

export function vectorCases(folder: string): readonly VectorCase[] {
  const file = join(QUANTISED, folder, 'vectors.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { cases: VectorCase[] }).cases;
}

/** The tensors of a safetensors file as a reader gets them. */
export function storedIn(file: string): Map<string, PlainTensor> {
  const { tensors } = readSafetensorsHeader(file);
  return new Map([...tensors].map(([name, entry]) => [name, { ...entry, kind: 'plain', file }]));
}

/** A case as a checkpoint of one matrix. */
export function checkpointOf(
  folder: string,
  { name, shape, settings }: VectorCase,
): StoredWeights & { readonly stored: Map<string, PlainTensor> } {
  const file = join(QUANTISED, folder, 'vectors.safetensors');
  const stored = new Map([...storedIn(file)].filter(([tensor]) => tensor.startsWith(`${name}.`)));
  return { path: 'config.json', settings, stored, expected: new Map([[`${name}.weight`, shape]]) };
}

export function digestOf(values: Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    .digest('hex');
}

/** Digest of a tensor read at once. */
export function digestWhole(tensor: CheckpointTensor): string {
  return digestOf(readWholeTensor(tensor));
}

/** Digest of a matrix read in cuts of so many rows, from the last to the first. */
export function digestInCuts(tensor: CheckpointTensor, rowsOfCut: number): string {
  const [rows, columns] = tensor.shape as [number, number];
  const values = new Float32Array(rows * columns);
  for (let first = Math.floor((rows - 1) / rowsOfCut) * rowsOfCut; first >= 0; first -= rowsOfCut) {
    values.set(readTensorRows(tensor, first, Math.min(rowsOfCut, rows - first)), first * columns);
  }
  return digestOf(values);
}
