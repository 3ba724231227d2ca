// A lane that computes with a recording's values: whatever it makes is kept, and what was recorded stands in its place for the next operation.
import type { ModelConfig } from '../../src/checkpoint/config.ts';
import type { Rows } from '../../src/device/n150/rows.ts';
import { tapWidth } from '../../src/device/taps.ts';
import { roundToBf16TiesEven } from '../../src/numerics/bf16.ts';
import type { WhyTap } from './ops.ts';
import type { RecordedTaps } from './recorded-taps.ts';
import { rowPlaces } from './row-errors.ts';

export interface MadeRow {
  readonly position: number;
  /** [width] as the lane made them of recorded values. */
  readonly values: Float32Array;
}

export interface Injection {
  readonly onTap: (tap: WhyTap, rows: Rows) => void;
  /** Of the last positions those that have the tap recorded, in order. */
  readonly made: (tap: WhyTap) => readonly MadeRow[];
}

/** @param options - `rows`: last positions whose results are kept; `roundsToBf16`: the lane reads bfloat16. */
export function injectRecorded(
  recorded: RecordedTaps,
  model: ModelConfig,
  options: { readonly rows: number; readonly roundsToBf16: boolean },
): Injection {
  const made = new Map<WhyTap, MadeRow[]>();
  const store = options.roundsToBf16 ? roundToBf16TiesEven : (value: number): number => value;
  return {
    onTap(tap, rows) {
      const width = tap === 'logits' ? model.vocabSize : tapWidth(tap, model);
      const { values, starts } = rowPlaces(rows, width);
      const kept: MadeRow[] = [];
      made.set(tap, kept);
      for (const [row, start] of starts.entries()) {
        const position = recorded.positions - starts.length + row;
        const own = recorded.row(tap, position);
        if (own === undefined) continue;
        if (position >= recorded.positions - options.rows) {
          kept.push({ position, values: values.slice(start, start + width) });
        }
        if (tap !== 'logits') for (let i = 0; i < width; i++) values[start + i] = store(own[i]!);
      }
    },
    made: (tap) => made.get(tap) ?? [],
  };
}
