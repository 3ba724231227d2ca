// Signs that a broken token is no matter of arithmetic: a row of another position, or scores that are no raw logits.

import type { Pair, RowControls, RowHygiene } from '../record/row-metrics.ts';

/**
 * - `behind`: the device shows the row of the position before.
 * - `ahead`: the device showed this position's row one position before.
 * - `filtered`: one side is -Infinity nearly everywhere, as scores are after top-k or top-p.
 */
export type Symptom = 'behind' | 'ahead' | 'filtered';

/** Below this a row fits nothing: unrelated rows of one prompt reach 0.97, but only where the row's own PCC is higher. */
const FLOOR = 0.9;

/**
 * What a row leaves unexplained of the neighbour, 1 - PCC, is at most this share of what it leaves of its own.
 *
 * A quarter means: half the error. A row out of step leaves 0.0003 beside neighbours that are 0.01 or more away, a share
 * of 0.03. Rows of broken arithmetic come near by chance: with the keys' biases dropped one token in 210 reaches 0.85
 * (PCC 0.96975 beside 0.96457); none of 4,877 honest tokens goes below 1.
 */
const UNEXPLAINED_SHARE = 0.25;

export interface SymptomFacts {
  readonly hygiene: RowHygiene;
  readonly pccJudgement: { readonly pcc: number | null };
  readonly controls: RowControls;
}

/** The symptom of a token that broke a rule; null if it shows none. */
export function findSymptom({ hygiene, pccJudgement: { pcc }, controls }: SymptomFacts): Symptom | null {
  if (isFiltered(hygiene)) return 'filtered';
  const { pccPreviousGolden, pccPreviousActual } = controls;
  const isBehind = fitsBetter(pccPreviousGolden, pcc);
  const isAhead = fitsBetter(pccPreviousActual, pcc);
  if (isBehind && isAhead) return pccPreviousActual! > pccPreviousGolden! ? 'ahead' : 'behind';
  return isBehind ? 'behind' : isAhead ? 'ahead' : null;
}

/** The symptom in words, to stand behind what was measured; null if there is none. */
export function describeSymptom(facts: SymptomFacts): string | null {
  const { pccPreviousGolden, pccPreviousActual } = facts.controls;
  switch (findSymptom(facts)) {
    case 'filtered':
      return `these ${FILTERED_SCORES}`;
    case 'behind':
      return `it fits golden's row of the position before (PCC ${pccPreviousGolden!.toFixed(5)}) better than its own`;
    case 'ahead':
      return `golden's row here fits the device's row of the position before (PCC ${pccPreviousActual!.toFixed(5)}) better than this one`;
    case null:
      return null;
  }
}

/** Tokens that broke a rule, and how many of them show each symptom. */
export type SymptomCounts = Readonly<Record<Symptom | 'broken', number>>;

/** The symptom that half of the broken tokens or more show, which is no chance; null if none is. */
export function describeSymptoms(counts: SymptomCounts): string | null {
  for (const symptom of ['filtered', 'behind', 'ahead'] as const) {
    const count = counts[symptom];
    if (count > 0 && count >= counts.broken / 2)
      return `${count} of ${counts.broken} broken tokens ${SAYINGS[symptom]}`;
  }
  return null;
}

const FILTERED_SCORES =
  'look like scores after top-k or top-p: record the raw logits (output_logits=True in Transformers)';

const SAYINGS: Readonly<Record<Symptom, string>> = {
  filtered: FILTERED_SCORES,
  behind: "fit golden's row of the position before: the device is a position behind",
  ahead: "fit golden's row of the position after: the device is a position ahead",
};

/** A vocabulary mask, which both sides should share, leaves most of the vocabulary; a filter leaves a few tokens. */
function isFiltered({ vocabSize, negativeInfinity, maskedPairs }: RowHygiene): boolean {
  const lone: Pair<number> = {
    golden: negativeInfinity.golden - maskedPairs,
    actual: negativeInfinity.actual - maskedPairs,
  };
  return lone.golden > vocabSize / 2 || lone.actual > vocabSize / 2;
}

function fitsBetter(other: number | null, own: number | null): boolean {
  if (other === null || own === null || other < FLOOR) return false;
  return 1 - other <= UNEXPLAINED_SHARE * (1 - own) && other > own;
}
