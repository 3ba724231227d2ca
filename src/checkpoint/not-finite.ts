// Weights that are no numbers: looked for only when logits turn out to be none, since it reads the whole checkpoint.
import { InputError } from '../errors.ts';
import { readTensorRows, sidesOf } from './checkpoint-tensor.ts';
import type { Checkpoint } from './weights.ts';

export interface NotFiniteTensor {
  readonly name: string;
  /** Values that are NaN or infinite. */
  readonly count: number;
  /** Index of the first one into the flattened tensor. */
  readonly first: number;
  readonly value: number;
}

const CHUNK_ELEMENTS = 1 << 22;

/** Every tensor that holds a NaN or an infinity, in the order of the model. */
export function notFiniteTensors(checkpoint: Checkpoint): NotFiniteTensor[] {
  const found: NotFiniteTensor[] = [];
  for (const [name, entry] of checkpoint.tensors) {
    const [rows, columns] = sidesOf(entry);
    const step = Math.max(1, Math.floor(CHUNK_ELEMENTS / columns));
    let count = 0;
    let first = -1;
    let value = 0;
    for (let row = 0; row < rows; row += step) {
      const values = readTensorRows(entry, row, Math.min(step, rows - row));
      for (let i = 0; i < values.length; i++) {
        if (Number.isFinite(values[i])) continue;
        if (count === 0) [first, value] = [row * columns + i, values[i]!];
        count++;
      }
    }
    if (count > 0) found.push({ name, count, first, value });
  }
  return found;
}

/** @throws InputError `WEIGHTS_NOT_FINITE` that names each tensor. */
export function requireFiniteWeights(checkpoint: Checkpoint): void {
  const found = notFiniteTensors(checkpoint);
  if (found.length === 0) return;
  throw new InputError(`${checkpoint.name}: its logits are no numbers, because some of its weights are none.`, {
    code: 'WEIGHTS_NOT_FINITE',
    facts: Object.fromEntries(
      found.map(({ name, count, first, value }) => [name, `${value} at element ${first}, ${count} of them in all`]),
    ),
    hint: 'the checkpoint is damaged, or its training diverged: download it again, or use an earlier one',
  });
}
