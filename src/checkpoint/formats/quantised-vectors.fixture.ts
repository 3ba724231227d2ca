// Small matrices of a quantised format with what its own library makes of them, each a checkpoint that a test may damage.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CheckpointTensor,
  type PlainTensor,
  readTensorRows,
  readWholeTensor,
  sidesOf,
} from '../checkpoint-tensor.ts';
import { readSafetensorsHeader, readTensor } from '../safetensors.ts';
import type { FormatReader, StoredWeights } from './format.ts';
import { digestOf, plainTensors, QUANTISED, writtenTensors } from './quantised-folder.fixture.ts';
import type { Settings } from './settings.ts';

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

export interface VectorCheckpoint extends StoredWeights {
  readonly stored: Map<string, PlainTensor>;
}

/** A case as a checkpoint of one matrix. */
export function checkpointOf(folder: string, { name, shape, settings }: VectorCase): VectorCheckpoint {
  const all = plainTensors(join(QUANTISED, folder, 'vectors.safetensors'));
  const stored = new Map([...all].filter(([tensor]) => tensor.startsWith(`${name}.`)));
  return { path: 'config.json', settings, stored, expected: new Map([[`${name}.weight`, shape]]) };
}

/** The values of a tensor: read whole, and from the end row by row and in odd cuts, which have to be the same bits. */
export function valuesInCuts(tensor: CheckpointTensor): Float32Array {
  const [rows, columns] = sidesOf(tensor);
  const whole = readWholeTensor(tensor);
  for (const cut of [1, 7, 50]) {
    const values = new Float32Array(rows * columns);
    for (let first = cut * Math.floor((rows - 1) / cut); first >= 0; first -= cut) {
      values.set(readTensorRows(tensor, first, Math.min(cut, rows - first)), first * columns);
    }
    if (digestOf(values) !== digestOf(whole)) throw new Error(`rows in cuts of ${cut} differ from the whole`);
  }
  return whole;
}

/** Digest of the case's matrix in every cut, and that nothing else is left. */
export function digestOfCase(read: FormatReader, folder: string, vector: VectorCase): string {
  const { tensors } = read(checkpointOf(folder, vector));
  const name = `${vector.name}.weight`;
  const left = [...tensors.keys()].filter((other) => other !== name);
  if (left.length > 0) throw new Error(`${left.join(', ')} are left over`);
  return digestOf(valuesInCuts(tensors.get(name)!));
}

/** What to write in the place of a part: its bytes may be changed. */
export type Damage = (bytes: Buffer) => void;

/**
 * A case with one part damaged.
 *
 * @param part - such as `qzeros`.
 * @param scratch - a folder of the test.
 */
export function damagedPart(
  folder: string,
  vector: VectorCase,
  { part, scratch, damage }: { readonly part: string; readonly scratch: string; readonly damage: Damage },
): VectorCheckpoint {
  const checkpoint = checkpointOf(folder, vector);
  const name = `${vector.name}.${part}`;
  const { entry, bytes } = readTensor(readSafetensorsHeader(checkpoint.stored.get(name)!.file), name);
  const changed = Buffer.from(bytes);
  damage(changed);
  checkpoint.stored.set(name, writtenTensors(scratch, { [name]: [entry.dtype, entry.shape, changed] }).get(name)!);
  return checkpoint;
}

/** Digest of the only matrix of a checkpoint. */
export function digestOfOnly(read: FormatReader, checkpoint: StoredWeights): string {
  const [name] = checkpoint.expected.keys();
  return digestOf(valuesInCuts(read(checkpoint).tensors.get(name!)!));
}
