// The KV cache of one layer: keys and values of every position, packed as the device stores them, held as values.
// Source: n150-numerics A.4 and C row 6: the row is packed to BFP8_B, 16 neighbours of one head share an exponent; the
// other rows of its tile re-pack to themselves.
// Exactness: bit-exact.
import { createKvPacking, type KvPackingKnobs } from '../wormhole/kv-packing.ts';
import type { HeadCache } from './ops/attention-decode.ts';

const FIRST_CAPACITY = 128;

interface GrowingHead extends HeadCache {
  keys: Float32Array;
  values: Float32Array;
}

export interface KvCache {
  /** One entry for each key/value head. */
  readonly heads: readonly HeadCache[];
  /**
   * Writes one position.
   *
   * @param keys - [K * D] BF16 values from `keysStart`, rotated.
   * @param values - [K * D] BF16 values from `valuesStart`.
   */
  write(position: number, keys: Float32Array, keysStart: number, values: Float32Array, valuesStart: number): void;
}

export function createKvCache(keyValueHeads: number, headDim: number, knobs: KvPackingKnobs): KvCache {
  const heads: GrowingHead[] = Array.from({ length: keyValueHeads }, () => ({
    keys: new Float32Array(FIRST_CAPACITY * headDim),
    values: new Float32Array(FIRST_CAPACITY * headDim),
  }));
  const pack = createKvPacking(headDim, knobs);
  const store = (from: Float32Array, start: number, to: Float32Array, toStart: number): void => {
    to.set(pack(from, start), toStart);
  };

  return {
    heads,
    write(position, keys, keysStart, values, valuesStart): void {
      for (let head = 0; head < heads.length; head++) {
        const cache = heads[head]!;
        if ((position + 1) * headDim > cache.keys.length) {
          cache.keys = doubled(cache.keys);
          cache.values = doubled(cache.values);
        }
        store(keys, keysStart + head * headDim, cache.keys, position * headDim);
        store(values, valuesStart + head * headDim, cache.values, position * headDim);
      }
    },
  };
}

function doubled(values: Float32Array): Float32Array {
  const larger = new Float32Array(2 * values.length);
  larger.set(values);
  return larger;
}
