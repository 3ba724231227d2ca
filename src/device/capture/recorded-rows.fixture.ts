// Recordings of rows by a formula: what a tensor of any layout holds, and what has to be read from it.
import type { TensorToWrite } from '../../checkpoint/safetensors.ts';
import type { Recording } from './recording.ts';

/** Vocabulary, tokens, users. */
export const V = 48;
export const T = 6;
export const B = 3;

/** The formula of fixtures/recordings/make_recordings.py. */
export const rowOf = (user: number, position: number): Float32Array =>
  Float32Array.from({ length: V }, (_, column) => ((7 * column + 5 * position + 3 * user) % 13) - 6);
export const idsOf = (user: number): number[] =>
  Array.from({ length: T }, (_, position) => (5 * position + 11 * user) % 40);

export interface RowsRead {
  readonly ids: readonly number[];
  readonly rows: readonly Float32Array[];
}

/** What a recording holds, sequence by sequence. */
export function rowsRead({ prompts }: Recording): RowsRead[] {
  return prompts.map(({ inputIds, positions, readLogits }) => ({
    ids: [...inputIds],
    rows: Array.from(positions, (_, row) => readLogits(row).slice()),
  }));
}

/** What it has to hold: in each sequence the rows of its user, at the positions it says. */
export function rowsWanted(
  { prompts }: Recording,
  users: readonly number[] = prompts.map((_, user) => user),
): RowsRead[] {
  return users.map((user, i) => ({
    ids: idsOf(user),
    rows: Array.from(prompts[i]?.positions ?? [], (position) => rowOf(user, position)),
  }));
}

export const value = (user: number, position: number, column: number): number => rowOf(user, position)[column]!;

export const integers = (name: string, shape: number[], values: number[]): TensorToWrite => ({
  name,
  dtype: 'I32',
  shape,
  data: Int32Array.from(values),
});

/** Values are taken from `at`, axis by axis. */
export function floats(shape: number[], at: (...index: number[]) => number): TensorToWrite {
  const data = new Float32Array(shape.reduce((product, side) => product * side, 1));
  for (let i = 0; i < data.length; i++) {
    let rest = i;
    const index = shape.map(() => 0);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = rest % shape[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    data[i] = at(...index);
  }
  return { name: 'logits', dtype: 'F32', shape, data };
}
