// Packs a checkpoint's matrices, reading the next rows from disk while the kernel packs those before.
// Exactness: the bytes of packTransposedWeights.
import { readTensorRows } from '../../../checkpoint/checkpoint-tensor.ts';
import { openRows, type RowReader } from '../../../checkpoint/row-reader.ts';
import { roundAllToBf16TiesEven } from '../../../numerics/bf16.ts';
import { packTransposedWeights } from '../../wormhole/host-packing.ts';
import { type KernelPacking, startPacking } from '../../wormhole/kernels/kernel-packing.ts';
import { createKernelPool } from '../../wormhole/kernels/kernel-pool.ts';
import type { PackedMatrix } from '../../wormhole/matmul-engine.ts';
import { hasNotFinite } from '../../wormhole/packed-finite.ts';
import { requireFiniteSource } from '../finite-weights.ts';
import { decodedRows } from './decoded-rows.ts';
import { concatenate, type WeightPart, type WeightRecipe } from './weight-units.ts';

export interface WeightPacker {
  /**
   * Packs one matrix and hands it to `use`; its tiles are good until what `use` returns has settled. Several matrices may be on
   * their way at once.
   *
   * @throws InputError if the checkpoint's file cannot be read; `WEIGHTS_NOT_FINITE` for infinities and NaN, before `use` is called.
   */
  pack<T>(recipe: WeightRecipe, use: (matrix: PackedMatrix) => T | Promise<T>): Promise<T>;
}

/** One thread packs faster than disks read, hence no more; the memory goes with the packer. */
export async function createWeightPacker(): Promise<WeightPacker> {
  const { banks } = await createKernelPool({ threads: 1 });
  return {
    async pack(recipe, use) {
      if (recipe.parts.some(({ tensor }) => tensor.kind === 'plain' && tensor.dtype !== 'BF16'))
        return use(finite(packWidened(recipe), recipe));
      const packing = startPacking(banks[0], recipe);
      try {
        await packRows(recipe, packing);
        return await use(finite(packing.matrix, recipe));
      } finally {
        packing.release();
      }
    },
  };
}

/** The exponents of the packed matrix tell; only if they do are the weights read again, to say which. */
function finite(matrix: PackedMatrix, recipe: WeightRecipe): PackedMatrix {
  if (hasNotFinite(matrix)) requireFiniteSource(recipe);
  return matrix;
}

/** Ends when no read is under way any more, failed or not. */
async function packRows({ parts, k, n }: WeightRecipe, { stripeRows, stripes, pack }: KernelPacking): Promise<void> {
  const rowBytes = 2 * k;
  const rowsFrom = (firstRow: number): number => Math.min(stripeRows, n - firstRow);
  const reader = await openParts(parts, rowBytes);
  const read = (stripe: number, firstRow: number): Promise<void> =>
    reader.read(firstRow, stripes[stripe]!.subarray(0, rowsFrom(firstRow) * rowBytes));
  try {
    let stripe = 0;
    await read(stripe, 0);
    for (let firstRow = 0; firstRow < n; firstRow += stripeRows) {
      const nextStripe = (stripe + 1) % stripes.length;
      const nextRow = firstRow + stripeRows;
      const reading = nextRow < n ? read(nextStripe, nextRow) : undefined;
      pack(stripe, firstRow, rowsFrom(firstRow));
      await reading;
      stripe = nextStripe;
    }
  } finally {
    await reader.close();
  }
}

function openParts(parts: readonly WeightPart[], rowBytes: number): RowReader | Promise<RowReader> {
  const plain = parts.flatMap(({ tensor, ...part }) => (tensor.kind === 'plain' ? { tensor, ...part } : []));
  return plain.length === parts.length ? openRows(plain, rowBytes) : decodedRows(parts);
}

/** Weights of another dtype, widened to float32 first. */
function packWidened({ parts, k, n, format, rounding }: WeightRecipe): PackedMatrix {
  const widened = parts.map(({ tensor, firstRow, rows }) => {
    const values = readTensorRows(tensor, firstRow, rows);
    if (tensor.kind === 'decoded') roundAllToBf16TiesEven(values);
    return values;
  });
  return packTransposedWeights(concatenate(widened), n, k, { format, rounding });
}
