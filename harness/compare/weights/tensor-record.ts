// A measured tensor as the JSON has it: numbers that JSON cannot hold are null, places are named as tile and core.
import { type CheckpointTensor, storedAs } from '../../../src/checkpoint/checkpoint-tensor.ts';
import { EMBED_TOKENS } from '../../../src/checkpoint/tensor-names.ts';
import { elementCount } from '../../../src/tensor/dtypes.ts';
import { TILE_SIDE } from '../../../src/tensor/tile-layout.ts';
import { isEqual, isRounded, type MeasuredTensor } from './measured-tensor.ts';
import { isMatrix } from './tensor-pair.ts';
import type { OwnerOf } from './tile-owner.ts';
import type { Diagnosis, TensorComparison } from './weight-comparison.ts';

/**
 * @param raw - against the base as it is.
 * @param unfolded - against the base with scales moved, if they are.
 */
export function tensorRecord(
  raw: MeasuredTensor,
  unfolded: MeasuredTensor | undefined,
  diagnoses: readonly Diagnosis[],
  ownerOf: OwnerOf,
): TensorComparison {
  const { pair, figures, facts } = raw;
  const { name, base, variant } = pair;
  return {
    name,
    shape: [...base.shape],
    storedAs: { base: storedAs(base), variant: storedAs(variant) },
    bytes: { base: base.lengthBytes, variant: variant.lengthBytes },
    bitsPerWeight: { base: bitsOf(base), variant: bitsOf(variant) },
    state: diagnoses.length > 0 ? 'diagnosed' : isEqual(raw) ? 'equal' : isRounded(raw) ? 'rounded' : 'differs',
    sqnrDb: finite(figures.sqnrDb),
    sqnrUnfoldedDb: unfolded === undefined ? null : finite(unfolded.figures.sqnrDb),
    relativeL2: finite(figures.relativeL2),
    cosine: figures.cosine,
    gain: figures.gain,
    changedShare: figures.changedShare,
    largestError: largestOf(raw, ownerOf),
    zeroRows: figures.zeroRows,
    zeroColumns: figures.zeroColumns,
    zeroTiles: figures.zeroTiles,
    constantTiles: facts.constantTiles,
    tileGain: figures.tileGain,
    notFinite: facts.notFinite,
    beyondFloat16: facts.beyondFloat16,
    diagnoses: [...diagnoses],
  };
}

/** From here on a format is no quantisation, whatever its values went through before. */
export const PLAIN_BITS = 16;

/** Bits of the files for each weight. */
export function bitsOf({ lengthBytes, shape }: CheckpointTensor): number {
  return (8 * lengthBytes) / elementCount(shape);
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function largestOf({ pair, facts }: MeasuredTensor, ownerOf: OwnerOf): TensorComparison['largestError'] {
  const { largest } = facts;
  if (largest === null) return null;
  const isTiled = isMatrix(pair) && pair.name !== EMBED_TOKENS;
  return {
    ...largest,
    // JSON has no negative zero.
    base: largest.base + 0,
    variant: largest.variant + 0,
    // Rows of [out, in] are columns of the [K, N] matrix.
    tile: isTiled ? { k: Math.floor(largest.column / TILE_SIDE), n: Math.floor(largest.row / TILE_SIDE) } : null,
    core: ownerOf(pair.name, largest.row) ?? null,
  };
}
