// Refuses weights that are not finite: a device would compute NaN from them, or, in a block format, something finite and wrong.
import { readTensorRows } from '../../checkpoint/checkpoint-tensor.ts';
import { InputError } from '../../errors.ts';
import { bf16FromFloat32Bits } from '../../numerics/bf16.ts';
import { bitsOf, float32FromBits } from '../../numerics/float-bits.ts';
import type { WeightRecipe } from './weight-cache/weight-units.ts';

/** Some values of a tensor, as the checkpoint has them. */
export interface TensorValues {
  /** The weight file or the checkpoint, for the message. */
  readonly from: string;
  readonly name: string;
  /** Of a matrix: K, and the row of the first value. Absent for a vector. */
  readonly columns?: number;
  readonly firstRow?: number;
}

/**
 * @param values - float32, the whole tensor or some of its rows.
 * @throws InputError `WEIGHTS_NOT_FINITE` if one of them is infinite or NaN, in itself or rounded to bfloat16.
 */
export function requireFinite(values: Float32Array, { from, name, columns, firstRow = 0 }: TensorValues): void {
  const bits = bitsOf(values);
  let count = 0;
  let first = -1;
  for (let i = 0; i < bits.length; i++) {
    if ((bf16FromFloat32Bits(bits[i]!) & 0x7f80) !== 0x7f80) continue;
    if (count === 0) first = i;
    count += 1;
  }
  if (count === 0) return;
  const rows = columns === undefined ? '' : ` of rows ${firstRow} to ${firstRow + values.length / columns - 1}`;
  const place = columns === undefined ? [first] : [firstRow + Math.floor(first / columns), first % columns];
  throw new InputError(`${from}: the device cannot hold "${name}": values of it are not finite.`, {
    code: 'WEIGHTS_NOT_FINITE',
    facts: {
      found: `${count} of ${values.length} values${rows}`,
      first: `${shown(values[first]!)} at [${place.join(', ')}]`,
      wanted: 'finite values',
    },
    hint: 'convert or download the checkpoint again; what made these values is broken',
  });
}

/** A finite value is here for its rounding alone. */
function shown(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return `${value}, in bfloat16 ${float32FromBits(bf16FromFloat32Bits(bitsOf(Float32Array.of(value))[0]!) << 16)},`;
}

/**
 * Reads what a matrix was packed from once more, to name what is not finite in it.
 *
 * @throws InputError `WEIGHTS_NOT_FINITE` for the first such tensor.
 */
export function requireFiniteSource({ parts, k }: WeightRecipe): void {
  for (const { name, tensor, firstRow, rows } of parts) {
    const values = readTensorRows(tensor, firstRow, rows);
    requireFinite(values, { from: tensor.file, name, columns: k, firstRow });
  }
}
