// Keys and values of a sequence's positions, layer by layer: together as the attention of several positions takes and makes them, or head by head
// with room for more, as that of one position reads them.
import type { ModelConfig } from '../src/checkpoint/config.ts';
import { Tensor } from './graph/onnx-runtime.ts';

type CacheConfig = Pick<ModelConfig, 'layers' | 'keyValueHeads' | 'headDim'>;

/** Keys after rotary embedding, and values, of one layer: [1, K, S, D] float32 each. */
export interface KeysAndValues {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** Of one position in one layer: [K*D] each. */
export interface PositionRow {
  readonly keys: Float32Array;
  readonly values: Float32Array;
}

/** Of one layer, head by head: K of [S, D] each. */
export interface HeadTensors {
  readonly keys: readonly Tensor[];
  readonly values: readonly Tensor[];
}

/** Positions of room that are made at a time. */
const ROOM_POSITIONS = 64;

/** A layer's: [K, S, D] each, of which the first positions are in use. */
interface Layer {
  readonly keys: Float32Array;
  readonly values: Float32Array;
  /** S. */
  readonly positions: number;
}

const NOTHING: Layer = { keys: new Float32Array(0), values: new Float32Array(0), positions: 0 };

export class KvCache {
  readonly #config: CacheConfig;
  #length = 0;
  #layers: Layer[];

  constructor(config: CacheConfig) {
    this.#config = config;
    this.#layers = Array.from({ length: config.layers }, () => NOTHING);
  }

  /** Positions held. */
  get length(): number {
    return this.#length;
  }

  /** Of all positions held. */
  of(layer: number): KeysAndValues {
    const { keyValueHeads, headDim } = this.#config;
    const { keys, values } = this.#withPositions(layer, this.#length, this.#length);
    const tensorOf = (data: Float32Array): Tensor =>
      new Tensor('float32', data, [1, keyValueHeads, this.#length, headDim]);
    return { keys: tensorOf(keys), values: tensorOf(values) };
  }

  /** Takes over what a layer's attention made; `grow` follows when all layers have. */
  replace(layer: number, { keys, values }: KeysAndValues): void {
    const positions = keys.dims[2]!;
    this.#layers[layer] = { keys: keys.data as Float32Array, values: values.data as Float32Array, positions };
  }

  /** Writes a position that follows others in a layer, or stands for one that was written there; `grow` counts it in. */
  write(layer: number, position: number, row: PositionRow): void {
    const { keyValueHeads, headDim } = this.#config;
    if (this.#layers[layer]!.positions <= position) {
      this.#layers[layer] = this.#withPositions(layer, position, position + ROOM_POSITIONS);
    }
    const { keys, values, positions } = this.#layers[layer]!;
    for (let head = 0; head < keyValueHeads; head++) {
      const start = (head * positions + position) * headDim;
      keys.set(row.keys.subarray(head * headDim, (head + 1) * headDim), start);
      values.set(row.values.subarray(head * headDim, (head + 1) * headDim), start);
    }
  }

  /** Of a layer's first positions, which were written: good until the next call. */
  headsOf(layer: number, length: number): HeadTensors {
    const { keyValueHeads, headDim } = this.#config;
    const { keys, values, positions } = this.#layers[layer]!;
    const headsIn = (data: Float32Array): Tensor[] =>
      Array.from({ length: keyValueHeads }, (_, head) => {
        const start = head * positions * headDim;
        return new Tensor('float32', data.subarray(start, start + length * headDim), [length, headDim]);
      });
    return { keys: headsIn(keys), values: headsIn(values) };
  }

  /** All layers hold `positions` more. */
  grow(positions: number): void {
    this.#length += positions;
  }

  /** Forgets positions >= `length`; to forget all is right after a pass that failed, too. */
  truncate(length: number): void {
    this.#length = Math.min(length, this.#length);
    if (length === 0) this.#layers.fill(NOTHING);
  }

  /** A layer with its first `length` positions, and room for `positions` in all. */
  #withPositions(layer: number, length: number, positions: number): Layer {
    const { keyValueHeads, headDim } = this.#config;
    const held = this.#layers[layer]!;
    if (held.positions === positions) return held;
    const copyOf = (data: Float32Array): Float32Array => {
      const copy = new Float32Array(keyValueHeads * positions * headDim);
      for (let head = 0; head < keyValueHeads; head++) {
        const start = head * held.positions * headDim;
        copy.set(data.subarray(start, start + length * headDim), head * positions * headDim);
      }
      return copy;
    };
    return { keys: copyOf(held.keys), values: copyOf(held.values), positions };
  }
}
