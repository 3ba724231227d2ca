// Whether a bad row is a good row of a neighbouring position: then a harness or a cache is out of step, not the arithmetic.

import type { RowControls } from '../record/row-metrics.ts';

/** behind: the device shows the row of the position before; ahead: it showed this position's row one position before. */
export type Misfit = 'behind' | 'ahead';

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

export interface MisfitFacts {
  readonly pccJudgement: { readonly pcc: number | null };
  readonly controls: RowControls;
}

/** The neighbour that fits clearly better than the row's own; null if none does. */
export function findMisfit({ pccJudgement: { pcc }, controls }: MisfitFacts): Misfit | null {
  const { pccPreviousGolden, pccPreviousActual } = controls;
  const isBehind = fitsBetter(pccPreviousGolden, pcc);
  const isAhead = fitsBetter(pccPreviousActual, pcc);
  if (isBehind && isAhead) return pccPreviousActual! > pccPreviousGolden! ? 'ahead' : 'behind';
  return isBehind ? 'behind' : isAhead ? 'ahead' : null;
}

/** The misfit in words, to stand behind what was measured; null if there is none. */
export function describeMisfit(facts: MisfitFacts): string | null {
  const misfit = findMisfit(facts);
  if (misfit === null) return null;
  const { pccPreviousGolden, pccPreviousActual } = facts.controls;
  return misfit === 'behind'
    ? `it fits golden's row of the position before (PCC ${pccPreviousGolden!.toFixed(5)}) better than its own`
    : `golden's row here fits the device's row of the position before (PCC ${pccPreviousActual!.toFixed(5)}) better than this one`;
}

function fitsBetter(other: number | null, own: number | null): boolean {
  if (other === null || own === null || other < FLOOR) return false;
  return 1 - other <= UNEXPLAINED_SHARE * (1 - own) && other > own;
}
