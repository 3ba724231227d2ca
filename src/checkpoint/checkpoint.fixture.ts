// Copies of fixture checkpoints that a test may damage.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { QwenPccError } from '../errors.ts';
import type { PlainTensor } from './checkpoint-tensor.ts';
import { readSafetensorsHeader, readTensor, type TensorToWrite, writeSafetensors } from './safetensors.ts';
import type { Checkpoint } from './weights.ts';

export const FIXTURES: string = join(import.meta.dirname, '../../fixtures');

export interface CheckpointCopies {
  readonly scratch: string;
  /** Copies a fixture's folder. */
  copyOf(fixture: string, name: string): string;
}

/** @param afterAll - vitest's: the copies go to a folder that is removed after the file's tests. */
export function checkpointCopies(afterAll: (remove: () => void) => void): CheckpointCopies {
  const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-checkpoint-'));
  afterAll(() => rmSync(scratch, { recursive: true }));
  return {
    scratch,
    copyOf(fixture, name) {
      const folder = join(scratch, name);
      cpSync(join(FIXTURES, fixture), folder, { recursive: true });
      return folder;
    },
  };
}

/** Rewrites a weight file of a copied checkpoint. */
export function rewriteWeights(
  folder: string,
  change: (tensors: TensorToWrite[]) => TensorToWrite[],
  file = 'model.safetensors',
): void {
  const header = readSafetensorsHeader(join(folder, file));
  const tensors = [...header.tensors].map(([name, { dtype, shape }]) => ({
    name,
    dtype,
    shape,
    data: readTensor(header, name).bytes,
  }));
  writeSafetensors(join(folder, file), change(tensors));
}

/** Rewrites a JSON file of a copied checkpoint. */
export function rewriteJson(
  folder: string,
  file: string,
  change: (json: Record<string, unknown>) => Record<string, unknown>,
): void {
  const path = join(folder, file);
  writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>)));
}

/** A tensor that lies in a file as plain elements; anything else is a mistake of the test. */
export function plainTensor({ tensors, folder }: Pick<Checkpoint, 'tensors' | 'folder'>, name: string): PlainTensor {
  const tensor = tensors.get(name);
  if (tensor?.kind !== 'plain') throw new Error(`${folder} has no plain tensor ${name}`);
  return tensor;
}

export function errorOf(action: () => unknown): QwenPccError {
  try {
    action();
  } catch (error) {
    return error as QwenPccError;
  }
  throw new Error('no error was thrown');
}
