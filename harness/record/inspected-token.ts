// A token that was run again: both rows, and where the taps of the two sides part.
import type { TapName } from '../../src/device/taps.ts';
import type { LogitsFormat } from '../../src/numerics/logits-format.ts';
import type { Pair } from './row-metrics.ts';

export interface TapComparison {
  readonly tap: TapName;
  /** null: one side is constant or not finite, or has no such tap (a skipped layer). */
  readonly pcc: number | null;
  /** |actual - golden| / |golden|, Euclidean; null where that is no number or a side has no such tap. */
  readonly relL2: number | null;
}

export interface InspectedToken {
  /** Labels of the two sides that ran. */
  readonly sides: Pair<string>;
  /** [V] float32 copies, V of the smaller vocabulary. */
  readonly logits: Pair<Float32Array>;
  /** In the order asked for. */
  readonly taps: readonly TapComparison[];
  /** Of the taps that both sides have: their rows. */
  readonly tapRows?: ReadonlyMap<TapName, Pair<Float32Array>>;
  /** What the device's row is rounded to. */
  readonly logitsFormat?: LogitsFormat;
}
