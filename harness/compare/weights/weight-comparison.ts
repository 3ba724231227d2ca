// What `compare --weights-only` finds, as data; its JSON is these types, its schema weight-schema.ts.

export const DIAGNOSES = [
  'notFinite',
  'beyondFloat16',
  'zeroed',
  'lostBias',
  'appeared',
  'constant',
  'wrongScale',
  'wrongScales',
  'constantShift',
  'zeroedPart',
  'wrongPart',
  'transposed',
  'permutedHeads',
  'permutedGroups',
  'permutedRows',
  'permutedColumns',
  'holdsOther',
  'swapped',
  'shiftedLayers',
  'otherHead',
  'tiedHead',
  'untiedHead',
  'vocabulary',
  'unrelated',
  'belowFormat',
] as const;

/** An error of conversion. */
export interface Diagnosis {
  readonly kind: (typeof DIAGNOSES)[number];
  /** For people: what is wrong and where. */
  readonly sentence: string;
}

export interface Sides<T> {
  readonly base: T;
  readonly variant: T;
}

export interface LargestError extends Sides<number> {
  /** |variant - base|. */
  readonly error: number;
  readonly row: number;
  readonly column: number;
  /** Of the [K, N] matrix that the N150 holds: tile row along K, tile column along N. null for what it holds untiled. */
  readonly tile: { readonly k: number; readonly n: number } | null;
  /** Core that computes with that tile column, row by row of the grid; null where no matmul reads the tensor. */
  readonly core: { readonly core: number; readonly cores: number } | null;
}

/** `equal`: every value; `rounded`: no more than BF16 does; `differs`: as a quantisation or an adapter makes it. */
export const TENSOR_STATES = ['equal', 'rounded', 'differs', 'diagnosed'] as const;

export interface TensorComparison {
  readonly name: string;
  readonly shape: readonly number[];
  readonly storedAs: Sides<string>;
  readonly bytes: Sides<number>;
  readonly bitsPerWeight: Sides<number>;
  readonly state: (typeof TENSOR_STATES)[number];
  /** Signal to quantisation noise; null where nothing differs, or where one of both is none. */
  readonly sqnrDb: number | null;
  /** Against the base with its scales moved, where the variant moved scales between neighbours; else null. */
  readonly sqnrUnfoldedDb: number | null;
  /** ‖variant - base‖ / ‖base‖; null for a base of zeros. */
  readonly relativeL2: number | null;
  readonly cosine: number | null;
  /** The factor that brings the base nearest to the variant. */
  readonly gain: number | null;
  /** 0 … 1. */
  readonly changedShare: number;
  readonly largestError: LargestError | null;
  /** All zero in the variant and not in the base. */
  readonly zeroRows: number;
  readonly zeroColumns: number;
  readonly zeroTiles: number;
  /** Of 32x32 tiles: all one number in the variant and not in the base. */
  readonly constantTiles: number;
  /** Lowest and highest gain of a tile, among those that correlate. */
  readonly tileGain: { readonly min: number; readonly max: number } | null;
  readonly notFinite: number;
  /** Values that float16 does not hold, where it holds the base's. */
  readonly beyondFloat16: number;
  /** The gravest first. */
  readonly diagnoses: readonly Diagnosis[];
}

export interface CheckpointFacts {
  readonly name: string;
  readonly encoding: string | null;
  readonly bytes: number;
  readonly weights: number;
  readonly bitsPerWeight: number;
}

export const RELATIONS = ['equal', 'rounded', 'quantised', 'partlyChanged', 'faulty', 'notAVariant'] as const;

export interface WeightComparison extends Sides<CheckpointFacts> {
  readonly schemaVersion: 1;
  readonly relation: (typeof RELATIONS)[number];
  /** The verdict in words. */
  readonly headline: string;
  readonly notes: readonly string[];
  /** Diagnosed first, then the lowest SQNR, equal ones last. */
  readonly tensors: readonly TensorComparison[];
}
