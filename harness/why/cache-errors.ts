// The KV cache, position by position and head by head: against the golden keys and values, and against what it was given to keep.
import type { ModelConfig } from '../../src/checkpoint/config.ts';
import type { N150Config } from '../../src/device/n150/compute-config.ts';
import type { KvRows } from '../../src/device/n150/lanes/lane.ts';
import { copyLastRows, type Rows } from '../../src/device/n150/rows.ts';
import { createKvPacking } from '../../src/device/wormhole/kv-packing.ts';
import type { CacheError } from '../record/why-record.ts';
import type { GoldenTaps } from './golden-taps.ts';
import type { OpJudgement } from './op-errors.ts';
import { layerTapOf, type WhyTap } from './ops.ts';
import { type RowError, rowError } from './row-errors.ts';

const PARTS = ['keys', 'values'] as const;

interface LayerCache {
  /** What was to be kept, [P, K * D]. */
  readonly given: { keys: Float32Array; values: Float32Array };
  readonly cached: { keys: Float32Array; values: Float32Array };
}

/** Watches a lane of all positions, and keeps keys and values as they went into the cache and as they are read. */
export class CacheWatch {
  readonly #model: ModelConfig;
  readonly #layers: Map<number, LayerCache> = new Map();

  constructor(model: ModelConfig) {
    this.#model = model;
  }

  readonly onTap = (tap: WhyTap, rows: Rows): void => {
    const place = layerTapOf(tap);
    const target = place === undefined ? undefined : TARGETS[place.name];
    if (place === undefined || target === undefined) return;
    const cache = this.#layers.get(place.layer) ?? emptyCache();
    this.#layers.set(place.layer, cache);
    const width = this.#width();
    const count =
      rows instanceof Float32Array ? rows.length / width : Math.ceil((rows.values.length - rows.start) / rows.stride);
    cache[target[0]][target[1]] = copyLastRows(rows, count, width);
  };

  /** As attention reads them. */
  cached(layer: number): KvRows {
    return this.#layers.get(layer)!.cached;
  }

  /** Errors of each head; a layer that was skipped has none. */
  errors(golden: GoldenTaps, packing: N150Config): CacheError[] {
    return [...this.#layers].flatMap(([layer, { cached }]) =>
      this.#heads().flatMap((head) =>
        PARTS.map((part) => {
          const expected = golden.kv(layer)[part];
          const perPosition = this.#positions(cached[part]).map((at) =>
            this.#headError(expected, cached[part], at, head),
          );
          const own = this.#ownErrors(layer, part, head, packing).map(({ own }) => own.relL2);
          const worst = indexOfLargest(perPosition.map(({ relL2 }) => relL2));
          return {
            layer,
            head,
            part,
            relL2: this.#wholeError(expected, cached[part], head),
            worstPosition: worst,
            worstRelL2: perPosition[worst]!.relL2,
            ownRelL2: Math.max(...own),
          };
        }),
      ),
    );
  }

  /** The cache's own error in a layer at its worst position and head, against a healthy cache that is given the same. */
  judge(layer: number, part: (typeof PARTS)[number], packing: N150Config, least: number, factor: number): OpJudgement {
    const all = this.#heads().flatMap((head) => this.#ownErrors(layer, part, head, packing));
    const judged = all.map(({ own, healthy }) => {
      const limit = (of: keyof RowError): number => factor * Math.max(least, healthy[of]);
      return { isolated: own, healthy, ratio: Math.max(own.relL2 / limit('relL2'), own.block / limit('block')) };
    });
    return judged[indexOfLargest(judged.map(({ ratio }) => ratio))]!;
  }

  #ownErrors(
    layer: number,
    part: (typeof PARTS)[number],
    head: number,
    packing: N150Config,
  ): { readonly own: RowError; readonly healthy: RowError }[] {
    const { given, cached } = this.#layers.get(layer)!;
    const { headDim } = this.#model;
    const pack = createKvPacking(headDim, packing);
    return this.#positions(cached[part]).map((position) => {
      const start = position * this.#width() + head * headDim;
      const kept = pack(given[part], start);
      return {
        own: this.#headError(given[part], cached[part], position, head),
        healthy: rowError(given[part], start, kept, 0, headDim),
      };
    });
  }

  #headError(golden: Float32Array, actual: Float32Array, position: number, head: number): RowError {
    const { headDim } = this.#model;
    const start = position * this.#width() + head * headDim;
    return rowError(golden, start, actual, start, headDim);
  }

  #wholeError(golden: Float32Array, actual: Float32Array, head: number): number {
    const { headDim } = this.#model;
    let squares = 0;
    let errors = 0;
    for (let start = head * headDim; start < golden.length; start += this.#width()) {
      for (let i = start; i < start + headDim; i++) {
        squares += golden[i]! ** 2;
        errors += (actual[i]! - golden[i]!) ** 2;
      }
    }
    return errors === 0 ? 0 : Math.sqrt(errors / squares);
  }

  #positions(rows: Float32Array): number[] {
    return Array.from({ length: rows.length / this.#width() }, (_, position) => position);
  }

  #heads(): number[] {
    return Array.from({ length: this.#model.keyValueHeads }, (_, head) => head);
  }

  #width(): number {
    return this.#model.keyValueHeads * this.#model.headDim;
  }
}

const TARGETS: Readonly<Record<string, readonly ['given' | 'cached', 'keys' | 'values']>> = {
  'self_attn.k_rotated': ['given', 'keys'],
  'self_attn.v_proj.out': ['given', 'values'],
  'self_attn.k_cached': ['cached', 'keys'],
  'self_attn.v_cached': ['cached', 'values'],
};

function emptyCache(): LayerCache {
  const none = new Float32Array(0);
  return { given: { keys: none, values: none }, cached: { keys: none, values: none } };
}

/** NaN is the largest of all. */
function indexOfLargest(values: readonly number[]): number {
  let largest = 0;
  values.forEach((value, i) => {
    if (!(value <= values[largest]!)) largest = i;
  });
  return largest;
}
