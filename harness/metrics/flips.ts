// Flips: the device's best token is not the reference's. How much does the arithmetic's own coarseness explain?

import type { LogitsFormat } from '../../src/numerics/logits-format.ts';
import type { FlipClass } from '../record/row-metrics.ts';
import { ulpAtEntry } from './logits-format.ts';

/** A flip within this many ULP of the device's logits format, by golden's margin, is a near tie. */
export const DEFAULT_TIE_ULPS = 1;

export interface Flip {
  readonly flip: FlipClass;
  readonly ulp: number;
  readonly marginUlps: number;
}

export interface FlipOptions {
  readonly format: LogitsFormat;
  readonly tieUlps: number;
}

/**
 * Classes the device's choice.
 *
 * - `none`: both sides choose the same token.
 * - `tie`: the device gives golden's token the very value of its own choice; only the id order decided.
 * - `nearTie`: golden's own margin between the two candidates is at most `tieUlps` units in the last place of the
 *   device's logits format at those entries (for block formats the coarser of the two blocks): rounding the golden
 *   row to that format could have done it.
 * - `real`: anything else.
 *
 * @param golden - [V] float32.
 * @param actual - [V] float32.
 * @param goldenBest - golden's best id and runner-up.
 * @param actualBest - the device's best id.
 */
export function classifyFlip(
  golden: Float32Array,
  actual: Float32Array,
  [goldenTop, runnerUp]: readonly [number, number],
  actualTop: number,
  { format, tieUlps }: FlipOptions,
): Flip {
  const rival = actualTop === goldenTop ? runnerUp : actualTop;
  const ulp = Math.max(ulpAtEntry(format, actual, goldenTop), ulpAtEntry(format, actual, rival));
  const marginUlps = (golden[goldenTop]! - golden[rival]!) / ulp;
  return { flip: classOf(), ulp, marginUlps };

  function classOf(): FlipClass {
    if (actualTop === goldenTop) return 'none';
    if (actual[goldenTop] === actual[actualTop]) return 'tie';
    return marginUlps <= tieUlps ? 'nearTie' : 'real';
  }
}
