// Keys and values of the positions fed so far, as the tensors that one pass of the body hands to the next.

import type { ModelConfig } from '../src/checkpoint/config.ts';
import { Tensor } from './graph/onnx-runtime.ts';
import { BODY_IO } from './graph/qwen2-graph.ts';

type CacheConfig = Pick<ModelConfig, 'layers' | 'keyValueHeads' | 'headDim'>;

/** Per layer keys and values [1, K, S, D] float32; keys after rotary embedding. */
export class KvCache {
  readonly #config: CacheConfig;
  #length = 0;
  #tensors: readonly Tensor[];

  constructor(config: CacheConfig) {
    this.#config = config;
    this.#tensors = Array.from({ length: 2 * config.layers }, () => this.#tensorOf(new Float32Array(0), 0));
  }

  /** Positions held. */
  get length(): number {
    return this.#length;
  }

  /** The cache as inputs of the body. */
  feeds(): Record<string, Tensor> {
    const feeds: Record<string, Tensor> = {};
    for (let layer = 0; layer < this.#config.layers; layer++) {
      feeds[BODY_IO.pastKeys(layer)] = this.#tensors[2 * layer]!;
      feeds[BODY_IO.pastValues(layer)] = this.#tensors[2 * layer + 1]!;
    }
    return feeds;
  }

  /** Takes over the body's outputs, which hold `length` positions. */
  replace(outputs: Readonly<Record<string, Tensor>>, length: number): void {
    const tensors: Tensor[] = [];
    for (let layer = 0; layer < this.#config.layers; layer++) {
      tensors.push(outputs[BODY_IO.presentKeys(layer)]!, outputs[BODY_IO.presentValues(layer)]!);
    }
    this.#tensors = tensors;
    this.#length = length;
  }

  /** Forgets positions >= `length`. */
  truncate(length: number): void {
    if (length >= this.#length) return;
    this.#tensors = this.#tensors.map((tensor) => this.#firstPositions(tensor, length));
    this.#length = length;
  }

  #firstPositions(tensor: Tensor, length: number): Tensor {
    const { keyValueHeads, headDim } = this.#config;
    const whole = tensor.data as Float32Array;
    const kept = new Float32Array(keyValueHeads * length * headDim);
    for (let head = 0; head < keyValueHeads; head++) {
      const start = head * this.#length * headDim;
      kept.set(whole.subarray(start, start + length * headDim), head * length * headDim);
    }
    return this.#tensorOf(kept, length);
  }

  #tensorOf(data: Float32Array, length: number): Tensor {
    return new Tensor('float32', data, [1, this.#config.keyValueHeads, length, this.#config.headDim]);
  }
}
