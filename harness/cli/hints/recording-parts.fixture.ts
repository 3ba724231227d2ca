// A small recording for a room: its arrays, the file, and the run that judges it by its own plan.
import { type TensorToWrite, writeSafetensors } from '../../../src/checkpoint/safetensors.ts';
import type { Room } from './hint-case.fixture.ts';

/** Columns of the tiny checkpoints. */
export const V = 2048;

export const integers = (
  values: readonly number[],
  shape: readonly number[] = [values.length],
): Omit<TensorToWrite, 'name'> => ({
  dtype: 'I32',
  shape,
  data: Int32Array.from(values),
});

/** Rows that no model made: a run judges them and fails, which is a verdict. */
export const rows = (count: number, columns: number = V): Omit<TensorToWrite, 'name'> => ({
  dtype: 'F32',
  shape: [count, columns],
  data: Float32Array.from({ length: count * columns }, (_, i) => ((7 * i) % 13) - 6),
});

export type Arrays = Readonly<Record<string, Omit<TensorToWrite, 'name'>>>;
export const GOOD: Arrays = { input_ids: integers([5, 6]), logits: rows(2) };

/** Writes a recording into the room. @returns its path. */
export function recorded(room: Room, arrays: Arrays, metadata: Record<string, string> = {}, name = 'rows'): string {
  const file = room.path(`${name}.safetensors`);
  const tensors = Object.entries(arrays).map(([array, stored]) => ({ name: array, ...stored }));
  writeSafetensors(file, tensors, metadata);
  return file;
}

/** Judges the room's recording by its own plan. */
export const replay = (room: Room): string[] =>
  room.validate('--weights', 'general', '--device', `capture:${room.path('rows.safetensors')}`);
