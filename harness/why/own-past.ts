// What a device made of all positions of a context, kept for changes that are measured over it: its KV cache, and its residual stream.
import type { ModelConfig } from '../../src/checkpoint/config.ts';
import { copyLastRows, type Rows } from '../../src/device/n150/rows.ts';
import { CacheWatch } from './cache-errors.ts';
import { layerTapOf, type WhyTap } from './ops.ts';

export class OwnPast {
  readonly cache: CacheWatch;
  readonly #model: ModelConfig;
  readonly #keepsStream: boolean;
  /** Before each layer. */
  readonly #streams: Map<number, Float32Array> = new Map();

  constructor(model: ModelConfig, keepsStream: boolean) {
    this.#model = model;
    this.#keepsStream = keepsStream;
    this.cache = new CacheWatch(model);
  }

  /** Of a lane of all positions. */
  readonly onTap = (tap: WhyTap, rows: Rows): void => {
    this.cache.onTap(tap, rows);
    if (!this.#keepsStream) return;
    const place = layerTapOf(tap);
    const layer = tap === 'embed_tokens.out' ? 0 : place?.name === 'out' ? place.layer + 1 : undefined;
    // Behind the last layer nobody reads it.
    if (layer === undefined || layer === this.#model.layers || !(rows instanceof Float32Array)) return;
    this.#streams.set(layer, copyLastRows(rows, rows.length / this.#model.hiddenSize, this.#model.hiddenSize));
  };

  /** The residual stream before a layer, [P, H]. */
  stream(layer: number): Float32Array {
    return this.#streams.get(layer)!;
  }
}

/** Float32 values of one position that are kept: keys and values as they went into the cache and as they came out of it, and the stream. */
export function ownPastBytes(model: ModelConfig, positions: number, keepsStream: boolean): number {
  const { layers, keyValueHeads, headDim, hiddenSize } = model;
  return 4 * positions * layers * (4 * keyValueHeads * headDim + (keepsStream ? hiddenSize : 0));
}
