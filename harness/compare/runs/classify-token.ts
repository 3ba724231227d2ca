// What became of a token from one run to the other, and by how much its numbers moved.
import { isPassing } from '../../gate/token-highlights.ts';
import type { RowNumbers } from './row-numbers.ts';
import type { DriftMargins, SideNumbers, Sides, TokenChange } from './run-diff.ts';

/**
 * The margins unless others are given.
 *
 * klNats: the equivalence margin of comparisons of variants, just below the mean KL of an honest device (0.0061 … 0.0156, thresholds.ts).
 * pccLoss: a token's 1 - PCC is 0.0002 … 0.002 in the median of honest runs; what doubles that is seen.
 * regretNats: a choice that the reference holds for 1 % less probable is as good a choice.
 */
export const DEFAULT_MARGINS: DriftMargins = { klNats: 0.005, pccLoss: 0.001, regretNats: 0.01 };

export interface TokenClass {
  readonly change: TokenChange;
  /** Whether all stored numbers of the row are equal. */
  readonly isUnchanged: boolean;
  /** The largest of the changes, each in units of its margin; more than 1 is beyond it. */
  readonly drift: number;
}

/** By each run's own rules; the two runs exchanged give the same but for newlyFails and newlyHeals. */
export function classifyToken({ a, b }: Sides<RowNumbers>, margins: DriftMargins): TokenClass {
  const drift = driftOf({ a, b }, margins);
  const isUnchanged = a.digest === b.digest;
  const fails = { a: !isPassing(a), b: !isPassing(b) };
  return { change: changeOf(fails, isUnchanged, drift), isUnchanged, drift };
}

function changeOf(fails: Sides<boolean>, isUnchanged: boolean, drift: number): TokenChange {
  if (fails.a !== fails.b) return fails.b ? 'newlyFails' : 'newlyHeals';
  if (fails.a) return 'stillFails';
  if (isUnchanged) return 'same';
  return drift > 1 ? 'drifted' : 'near';
}

function driftOf({ a, b }: Sides<SideNumbers>, margins: DriftMargins): number {
  return Math.max(
    inMargins(a.klNats, b.klNats, margins.klNats),
    inMargins(a.pcc, b.pcc, margins.pccLoss),
    inMargins(a.regretNats, b.regretNats, margins.regretNats),
  );
}

/** |b - a| over its margin; a number that only one run has is beyond any margin. */
function inMargins(a: number | null, b: number | null, margin: number): number {
  if (a === b) return 0;
  if (a === null || b === null) return Number.POSITIVE_INFINITY;
  return Math.abs(b - a) / margin;
}
