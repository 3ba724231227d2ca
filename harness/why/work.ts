// What an attribution will take: rows through all layers, counted before, and their time, measured with the first of them.
import type { ModelConfig } from '../../src/checkpoint/config.ts';

/** Multiplications and additions a second and thread, tier fast, unpacking of the weights included. Source: `npm run bench full-size`. */
const FLOPS_PER_THREAD = 20e9;

/** Weights of all layers, without embedding and lm_head. */
export function layerWeightsOf(model: ModelConfig): number {
  const { hiddenSize, intermediateSize, queryHeads, keyValueHeads, headDim, layers } = model;
  return layers * hiddenSize * (2 * (queryHeads + keyValueHeads) * headDim + 3 * intermediateSize);
}

/** Seconds for so many rows in tier fast; other tiers take longer. */
export function secondsOf(model: ModelConfig, rows: number, threads: number): number {
  return (2 * layerWeightsOf(model) * rows) / (FLOPS_PER_THREAD * threads);
}
