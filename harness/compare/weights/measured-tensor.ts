// What is kept of a tensor after its pass: figures, gains of rows and columns, what the values say. The sums by tile are let go.
import { diagnoseValues } from './diagnose-values.ts';
import { figuresOf, gainsByUnit, type TensorFigures } from './tensor-figures.ts';
import { isMatrix, type TensorPair } from './tensor-pair.ts';
import { sumTensor, type TensorSums } from './tensor-sums.ts';
import type { OwnerOf } from './tile-owner.ts';
import type { Diagnosis } from './weight-comparison.ts';

export interface MeasuredTensor {
  readonly pair: TensorPair;
  readonly figures: TensorFigures;
  readonly facts: Pick<TensorSums, 'largest' | 'beyondFloat16' | 'constantTiles'> & { readonly notFinite: number };
  /** Best gain of each; 1 where the base is zero. */
  readonly rowGains: Float32Array;
  readonly columnGains: Float32Array;
  readonly diagnoses: readonly Diagnosis[];
}

export interface MeasureOptions {
  readonly ownerOf: OwnerOf;
  readonly elementsAtOnce: number | undefined;
}

export function measureTensor(pair: TensorPair, { ownerOf, elementsAtOnce }: MeasureOptions): MeasuredTensor {
  const sums = sumTensor(pair, elementsAtOnce);
  const figures = figuresOf(sums);
  const { largest, beyondFloat16, constantTiles, notFinite } = sums;
  return {
    pair,
    figures,
    facts: { largest, beyondFloat16, constantTiles, notFinite: notFinite.variant },
    rowGains: gainsByUnit(sums.rows),
    columnGains: gainsByUnit(sums.columns),
    diagnoses: diagnoseValues({ pair, sums, figures }, ownerOf),
  };
}

/** Relative error energy of bfloat16, rounded to nearest, at most. */
const ROUNDED_RELATIVE_MAX = 2 ** -9;

export function isEqual({ figures, facts }: MeasuredTensor): boolean {
  return figures.changedShare === 0 && facts.notFinite === 0;
}

/** No more than what bfloat16 does to float32. */
export function isRounded({ figures }: MeasuredTensor): boolean {
  return figures.relativeL2 <= ROUNDED_RELATIVE_MAX;
}

/** Below it the values may be the base's in another order, or another tensor's. */
const COSINE_MIN = 0.9;

/** Matrices that hardly correlate, and vectors, which no format quantises, that are not the base's. */
export function isSuspect(tensor: MeasuredTensor): boolean {
  if (tensor.diagnoses.some(({ kind }) => kind !== 'beyondFloat16')) return false;
  return isMatrix(tensor.pair) ? (tensor.figures.cosine ?? 1) < COSINE_MIN : !isRounded(tensor);
}
