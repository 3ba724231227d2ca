// Keys and values of the positions that a sequence was fed so far, as the tensors that one attention hands to the next.
import type { ModelConfig } from '../src/checkpoint/config.ts';
import { Tensor } from './graph/onnx-runtime.ts';

type CacheConfig = Pick<ModelConfig, 'layers' | 'keyValueHeads' | 'headDim'>;

/** Keys after rotary embedding, and values, of one layer: [1, K, S, D] float32 each. */
export interface KeysAndValues {
  readonly keys: Tensor;
  readonly values: Tensor;
}

export class KvCache {
  readonly #config: CacheConfig;
  #length = 0;
  #layers: KeysAndValues[];

  constructor(config: CacheConfig) {
    this.#config = config;
    const none = (): Tensor => this.#tensorOf(new Float32Array(0), 0);
    this.#layers = Array.from({ length: config.layers }, () => ({ keys: none(), values: none() }));
  }

  /** Positions held. */
  get length(): number {
    return this.#length;
  }

  of(layer: number): KeysAndValues {
    return this.#layers[layer]!;
  }

  /** Takes over what a layer's attention made; `grow` follows when all layers have. */
  replace(layer: number, present: KeysAndValues): void {
    this.#layers[layer] = present;
  }

  /** All layers hold `positions` more. */
  grow(positions: number): void {
    this.#length += positions;
  }

  /** Forgets positions >= `length`; to forget all is right after a pass that failed, too. */
  truncate(length: number): void {
    if (length >= this.#length && length > 0) return;
    this.#layers = this.#layers.map(({ keys, values }) => ({
      keys: this.#firstPositions(keys, length),
      values: this.#firstPositions(values, length),
    }));
    this.#length = length;
  }

  #firstPositions(tensor: Tensor, length: number): Tensor {
    const { keyValueHeads, headDim } = this.#config;
    const held = tensor.dims[2]!;
    const whole = tensor.data as Float32Array;
    const kept = new Float32Array(keyValueHeads * length * headDim);
    for (let head = 0; head < keyValueHeads; head++) {
      const start = head * held * headDim;
      kept.set(whole.subarray(start, start + length * headDim), head * length * headDim);
    }
    return this.#tensorOf(kept, length);
  }

  #tensorOf(data: Float32Array, length: number): Tensor {
    return new Tensor('float32', data, [1, this.#config.keyValueHeads, length, this.#config.headDim]);
  }
}
