// Keys and values of one layer in the kernels' shared memory, growing with the sequence: values as rows, keys by columns.
// Exactness: what kv-cache.ts keeps of each row, cut to what SrcA sees of it.
import { bitsOf } from '../../../numerics/float-bits.ts';
import { TILE_SIDE, tilesAcross } from '../../../tensor/tile-layout.ts';
import type { AttentionShape } from '../attention-engine.ts';
import { createKvPacking, type KvPackingKnobs } from '../kv-packing.ts';
import { bankWithRoom, type KernelBank, type KernelPool } from './kernel-pool.ts';

const FIRST_CAPACITY = 128;

/** Both [K, capacity, D padded to whole tiles]; of the keys, every 32 positions lie as [D padded, 32]. */
export interface KernelKvRegion {
  readonly bank: KernelBank;
  /** Positions, a multiple of 32. */
  readonly capacity: number;
  /** Addresses in the bank. */
  readonly keys: number;
  readonly values: number;
}

export interface KernelKvCache {
  /** Where everything written lies; moves when the cache grows. Undefined before the first position. */
  readonly region: KernelKvRegion | undefined;
  write(position: number, keys: Float32Array, keysStart: number, values: Float32Array, valuesStart: number): void;
  release(): void;
}

/** @param mask - kept bits of each float32. */
export function createKernelKvCache(
  pool: KernelPool,
  { keyValueHeads, headDim }: AttentionShape,
  knobs: KvPackingKnobs,
  mask: number,
): KernelKvCache {
  const padded = tilesAcross(headDim) * TILE_SIDE;
  const pack = createKvPacking(headDim, knobs);
  let region: KernelKvRegion | undefined;
  let keyBits: Int32Array = new Int32Array(0);
  let valueBits: Int32Array = new Int32Array(0);

  function grow(): KernelKvRegion {
    const capacity = region === undefined ? FIRST_CAPACITY : 2 * region.capacity;
    const length = keyValueHeads * capacity * padded;
    const bank = bankWithRoom(pool, 8 * length);
    const [keys, values] = bank.heap.allocateEach([4 * length, 4 * length]) as [number, number];
    const largerKeys = bank.heap.ints(keys, length).fill(0);
    const largerValues = bank.heap.ints(values, length).fill(0);
    const before = (region?.capacity ?? 0) * padded;
    for (let head = 0; before > 0 && head < keyValueHeads; head++) {
      largerKeys.set(keyBits.subarray(head * before, (head + 1) * before), head * capacity * padded);
      largerValues.set(valueBits.subarray(head * before, (head + 1) * before), head * capacity * padded);
    }
    release();
    keyBits = largerKeys;
    valueBits = largerValues;
    return { bank, capacity, keys, values };
  }

  function release(): void {
    if (region === undefined) return;
    region.bank.heap.free(region.keys);
    region.bank.heap.free(region.values);
    region = undefined;
  }

  return {
    get region() {
      return region;
    },
    write(position, keys, keysStart, values, valuesStart): void {
      while (region === undefined || position >= region.capacity) region = grow();
      const tile = Math.floor(position / TILE_SIDE);
      for (let head = 0; head < keyValueHeads; head++) {
        const start = head * region.capacity * padded;
        const keyStart = start + tile * padded * TILE_SIDE + (position % TILE_SIDE);
        const keyRow = bitsOf(pack(keys, keysStart + head * headDim));
        for (let d = 0; d < headDim; d++) keyBits[keyStart + d * TILE_SIDE] = keyRow[d]! & mask;
        const valueRow = bitsOf(pack(values, valuesStart + head * headDim));
        for (let d = 0; d < headDim; d++) valueBits[start + position * padded + d] = valueRow[d]! & mask;
      }
    },
    release,
  };
}
