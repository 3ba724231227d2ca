// A lane: one setting of the device that runs beside others over the same tokens, layer by layer, on weights that are read once.
import type { ModelConfig } from '../../../checkpoint/config.ts';
import type { TapName } from '../../taps.ts';
import type { LayerAttention } from '../../wormhole/attention-engine.ts';
import type { N150Config } from '../compute-config.ts';
import type { OpClass } from '../layer-ops.ts';
import type { Rows } from '../rows.ts';

/** Classes of operations outside of the layers. */
export type OuterClass = 'embedding' | 'finalNorm' | 'lmHead';

/** Knobs of each class; those outside of the layers are asked for with layer -1. */
export type LaneConfig = (layer: number, opClass: OpClass | OuterClass) => N150Config;

/** Keys and values [positions, K * D] as attention reads them. */
export interface KvRows {
  readonly keys: Float32Array;
  readonly values: Float32Array;
}

export interface Lane {
  readonly configFor: LaneConfig;
  /** Sets of weights, by name, for a class in a layer, and for the bias of q, k and v; those outside of the layers with layer -1. */
  readonly weightsOf: (layer: number, part: OpClass | OuterClass | 'bias') => string;
  /** Whose rotary angles a layer turns by. @default the run's model */
  readonly rotaryOf?: (layer: number) => ModelConfig;
  /** Last rows that it computes; the keys and values of earlier positions come from `past`. */
  readonly rows: number;
  /** Last rows that pass through the last layer's attention, final norm and lm_head. @default 1 */
  readonly wanted?: number;
  /** Of the layer under way: [positions before the rows, K * D]. */
  readonly past?: (layer: number) => KvRows;
  /**
   * The residual stream before a layer, [at least rows - wanted, H]. With it no row but the wanted ones goes through the layers: of those
   * before them a layer makes keys and values alone, from this stream, or, where there is none, takes them from `past`.
   */
  readonly stream?: (layer: number) => Float32Array | undefined;
  /** Sees rows of each tap, and the logits [wanted, V]; what it writes to them counts. */
  readonly onTap?: (tap: TapName | 'logits', rows: Rows) => void;
  /** What stands in attention's place in a layer; `open` makes another one like it. */
  readonly attentionOf?: (layer: number, attention: LayerAttention, open: () => LayerAttention) => LayerAttention;
  /** Lane that it equals before a layer: it begins there with that one's stream. Only for lanes of as many rows, listed after it. */
  readonly forks?: { readonly from: Lane; readonly layer: number };
}
