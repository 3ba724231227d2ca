// The error of each operation by itself: a lane whose every value is replaced by the golden one once it has been measured.

import type { ModelConfig } from '../../src/checkpoint/config.ts';
import type { Rows } from '../../src/device/n150/rows.ts';
import { tapWidth } from '../../src/device/taps.ts';
import { roundToBf16TiesEven } from '../../src/numerics/bf16.ts';
import type { GoldenTaps } from './golden-taps.ts';
import type { WhyTap } from './ops.ts';
import { type RowError, rowError, rowPlaces } from './row-errors.ts';

/** Errors of a tap, one a row, the token's last. */
export type TapErrors = ReadonlyMap<WhyTap, readonly RowError[]>;

export interface Observer {
  readonly onTap: (tap: WhyTap, rows: Rows) => void;
  readonly errors: TapErrors;
}

/** Measures each tap against the golden rows; `isolates`: and puts them in its place (of these taps), so that no error reaches the next operation. */
export function observeAgainst(
  golden: GoldenTaps,
  model: ModelConfig,
  options: { readonly isolates: boolean | ((tap: WhyTap) => boolean); readonly roundsToBf16: boolean },
): Observer {
  const errors = new Map<WhyTap, RowError[]>();
  const store = options.roundsToBf16 ? roundToBf16TiesEven : (value: number): number => value;
  return {
    errors,
    onTap(tap, rows) {
      const width = tap === 'logits' ? model.vocabSize : tapWidth(tap, model);
      const expected = golden.get(tap);
      const { values, starts } = rowPlaces(rows, width);
      const count = Math.min(starts.length, golden.rows);
      const measured: RowError[] = [];
      const isolates = typeof options.isolates === 'boolean' ? options.isolates : options.isolates(tap);
      for (let row = 0; row < count; row++) {
        const start = starts[starts.length - count + row]!;
        const from = (golden.rows - count + row) * width;
        measured.push(rowError(expected, from, values, start, width));
        if (!isolates || tap === 'logits') continue;
        for (let i = 0; i < width; i++) values[start + i] = store(expected[from + i]!);
      }
      errors.set(tap, measured);
    },
  };
}

/** What a healthy operation may show: no more than so many times the largest error that a healthy device has shown there. */
export const BLAME_FACTOR = 2;

/** Below it no error is told from rounding: half a unit of bfloat16 (of float32, with head-room for sums), against the row. */
export const LEAST_ERROR: Readonly<Record<'BF16' | 'F32', number>> = { BF16: 2 ** -9, F32: 2 ** -16 };

export interface OpJudgement {
  readonly isolated: RowError;
  /** Of the healthy device at the token. */
  readonly healthy: RowError;
  /** Above 1: to be blamed. */
  readonly ratio: number;
}

/**
 * @param own - of the device's operation, the token's last.
 * @param healthy - of a healthy one on the same rows.
 */
export function judgeOp(
  own: readonly RowError[],
  healthy: readonly RowError[],
  precision: keyof typeof LEAST_ERROR,
): OpJudgement {
  const isolated = own.at(-1)!;
  const least = LEAST_ERROR[precision];
  const limit = (of: keyof RowError): number => BLAME_FACTOR * Math.max(least, ...healthy.map((error) => error[of]));
  return {
    isolated,
    healthy: healthy.at(-1)!,
    ratio: Math.max(isolated.relL2 / limit('relL2'), isolated.block / limit('block')),
  };
}
