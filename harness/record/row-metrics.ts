// What is measured about one pair of logits rows: the shape of the numbers, no computation.

/** The same quantity of both sides of a comparison. */
export interface Pair<T> {
  readonly golden: T;
  readonly actual: T;
}

/** A correlation that exists, or the reason why there is none. */
export type Correlation =
  | { readonly kind: 'defined'; readonly pcc: number }
  | { readonly kind: 'undefined'; readonly reason: UndefinedCorrelation };

export const UNDEFINED_CORRELATIONS = [
  'golden is constant',
  'actual is constant',
  'not finite',
  'mask differs',
  'fewer than two values',
  'lengths differ',
] as const;
export type UndefinedCorrelation = (typeof UNDEFINED_CORRELATIONS)[number];

/** The four meanings of "PCC" found in the field; they differ only on degenerate rows. */
export const PCC_SEMANTICS = ['strict', 'tt-legacy', 'tt-sweep', 'tt-2026'] as const;
export type PccSemantics = (typeof PCC_SEMANTICS)[number];

/** What one semantics says about a pair of rows at a minimum. `pcc` is null where it hands out no number. */
export interface PccJudgement {
  readonly semantics: PccSemantics;
  readonly outcome: 'pass' | 'fail' | 'undefined' | 'invalid';
  readonly pcc: number | null;
}

/** A stretch of the vocabulary where the device wrote one value and the reference did not; `to` is exclusive. */
export interface ConstantBlock {
  readonly from: number;
  readonly to: number;
  readonly value: number;
}

/** Counts of values that no correlation may absorb. Ids and bounds are vocabulary indices, 0-based. */
export interface RowHygiene {
  /** V. */
  readonly vocabSize: number;
  readonly nan: Pair<number>;
  readonly positiveInfinity: Pair<number>;
  readonly negativeInfinity: Pair<number>;
  /** Entries that are -Infinity on both sides: masked vocabulary, left out of every metric. */
  readonly maskedPairs: number;
  readonly zeros: Pair<number>;
  /** All unmasked values of the row are one value. */
  readonly constantRow: Pair<boolean>;
  /** Blocks of 1024 entries (merged when adjacent and equal) that are constant on the device only. */
  readonly constantBlocks: readonly ConstantBlock[];
}

/** Moments of the two rows and of their difference actual - golden, over unmasked entries. null: does not exist. */
export interface RowMoments {
  readonly cosine: number | null;
  /** Least squares actual = gain * golden + offset + residual. */
  readonly gain: number | null;
  readonly offset: number | null;
  readonly residualSd: number | null;
  /** Population standard deviation of each row. */
  readonly sd: Pair<number>;
  readonly min: Pair<number>;
  readonly max: Pair<number>;
  readonly maxAbs: number;
  /** Vocabulary id of `maxAbs`, the lowest if several. */
  readonly maxAbsIndex: number;
  readonly meanAbs: number;
  /** |actual - golden| / |golden|, Euclidean. */
  readonly relL2: number | null;
  /** 10 log10 of mean squared error over mean square of golden; -Infinity if equal. */
  readonly nmseDb: number | null;
}

/** The text's own next token: how probable each side thought it. */
export interface TextToken {
  readonly id: number;
  readonly probability: Pair<number>;
  /** log p actual - log p golden, nats. */
  readonly logRatio: number;
}

/** Distances of softmax(golden) and softmax(actual), natural logarithm. */
export interface RowDistribution {
  /** KL(golden || actual). */
  readonly klNats: number;
  /** KL(actual || golden). */
  readonly klReverseNats: number;
  /** log of the sum of exp(logit): a token's probability is exp(logit - logNormaliser). */
  readonly logNormaliser: Pair<number>;
  readonly textToken: TextToken | null;
}

/** A token that is among the ten best of either side. Ranks are 1-based; equal logits rank by lower id first. */
export interface TopToken {
  readonly id: number;
  readonly logit: Pair<number>;
  readonly rank: Pair<number>;
}

export const FLIP_CLASSES = ['none', 'tie', 'nearTie', 'real'] as const;
/** How the device's best token differs from the reference's; defined in flips.ts. */
export type FlipClass = (typeof FLIP_CLASSES)[number];

/** Who each side would choose and by how much. */
export interface RowChoice {
  readonly top1: Pair<number>;
  readonly flip: FlipClass;
  /** One unit in the last place of the device's logits format at the two candidates. */
  readonly ulp: number;
  /** Golden logit of its best token minus golden logit of the rival (the device's choice, else the runner-up), in ULP. */
  readonly marginUlps: number;
  /** Best logit minus second best, per side. */
  readonly margin: Pair<number>;
  /** 1-based rank of the golden best token on the device. */
  readonly goldenRankOnActual: number;
  /** 1-based rank of the device's best token in the golden row. */
  readonly actualRankOnGolden: number;
  /** Tokens common to both best 5 (0 … 5) and best 10 (0 … 10). */
  readonly overlap5: number;
  readonly overlap10: number;
  /** The union of both ten best: golden's by rank, then those that only the device has, by its rank. */
  readonly top: readonly TopToken[];
}

/** Correlations across positions, which should be lower than the row's own; null where there is no such row. */
export interface RowControls {
  /** The device's row with golden's row of the position before: highest where the device lags behind. */
  readonly pccPreviousGolden: number | null;
  /** Golden's row with the device's row of the position before: highest where the device runs ahead. */
  readonly pccPreviousActual: number | null;
  /** The device's row with golden's first row of the prompt, whose context is one token: far from this one's. */
  readonly pccUnrelatedGolden: number | null;
}

/** All that is known about one compared token. The nullable groups are null when hygiene forbids them. */
export interface RowMetrics {
  readonly hygiene: RowHygiene;
  /** Strict. */
  readonly correlation: Correlation;
  /** What the semantics that the gate was asked for says. */
  readonly pccJudgement: PccJudgement;
  readonly moments: RowMoments | null;
  readonly distribution: RowDistribution | null;
  readonly choice: RowChoice | null;
  readonly controls: RowControls;
}
