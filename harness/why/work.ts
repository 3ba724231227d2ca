// What an attribution will take: rows through all layers, counted before, and their time, measured with the first of them.
import type { ModelConfig } from '../../src/checkpoint/config.ts';

/**
 * Multiplications and additions a second and thread, tier fast, all operations included. Source: 12 settings side by side over 118
 * positions of Qwen2.5-Coder-0.5B took 0.05 s of a core for each position and setting, 14e9; rounded down.
 */
const FLOPS_PER_THREAD = 12e9;

/** Weights of all layers, without embedding and lm_head. */
export function layerWeightsOf(model: ModelConfig): number {
  const { hiddenSize, intermediateSize, queryHeads, keyValueHeads, headDim, layers } = model;
  return layers * hiddenSize * (2 * (queryHeads + keyValueHeads) * headDim + 3 * intermediateSize);
}

/** Seconds for so many rows in tier fast; other tiers take longer. */
export function secondsOf(model: ModelConfig, rows: number, threads: number): number {
  return (2 * layerWeightsOf(model) * rows) / (FLOPS_PER_THREAD * threads);
}
