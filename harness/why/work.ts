// What an attribution will take: rows through all layers, counted before, their time, and how much a large model is spared.
import type { ModelConfig } from '../../src/checkpoint/config.ts';
import type { WhyOp } from '../record/why-record.ts';

/**
 * Multiplications and additions a second and thread, tier fast, all operations included; rounded down. Source: 12 settings side by side over
 * 118 positions of Qwen2.5-Coder-0.5B took 0.05 s of a core for each position and setting, 14e9; a row of 128 through all matmuls of a layer
 * of Qwen2-7B takes 19 ms, 24e9.
 */
const FLOPS_PER_THREAD = { small: 12e9, large: 20e9 } as const;
/** Hidden size from which matrices are large: between the two that were measured, 896 and 3584. */
const LARGE_HIDDEN = 2048;
/** Weights times positions up to which everything is made anew for each change: seconds for a few hundred of them. */
const SMALL_WORK = 2e9;
/**
 * Weights times rows that a large model spends on changes whose earlier positions are made anew, where nothing heals without: with its draws
 * one change of Qwen2-7B over 248 positions, which takes a third of half an hour on two threads; hundreds of Qwen2.5-0.5B over 118.
 */
const ANEW_WORK = 6e12;

/**
 * What a row by itself takes, in rows of a batch: weights are unpacked for it alone. Source: docs/performance.md, all matmuls of a layer of
 * Qwen2-7B take 106 ms for one row, 19 ms a row of 128.
 */
const LONE_ROW = 106 / 19;

/** How much is drawn anew: all that may matter where it takes seconds, and the first suspects where it takes minutes. */
export interface Drawing {
  readonly draws: number;
  readonly promotions: number;
  readonly demotions: number;
}

/**
 * Three draws tell two of three from luck. On the real token of docs/why.md two were enough: what heals by its own merit healed in all, and
 * the tipping point showed in the first; the cause was among the first four promotions.
 */
const DRAWING: Readonly<Record<'small' | 'large', Drawing>> = {
  small: { draws: 3, promotions: 6, demotions: 2 },
  large: { draws: 2, promotions: 4, demotions: 1 },
};

/** Operations whose precision decides what keys and values are made of the residual stream. */
export const FEEDING_CACHE: readonly WhyOp[] = ['norm', 'qkv', 'rotary', 'kvCache'];

/** Those that make nothing else. */
const MAKING_KEYS: readonly WhyOp[] = ['qkv', 'rotary', 'kvCache'];
/** Promotions and demotions of these alone: their classes, the cache's, the bias's and the rotation's knobs. */
const KEY_CHANGES = 10;

/** Whether a change of nothing but keys and values is made anew from the first position: where all of them may be. */
export function isMadeAnew(model: ModelConfig, positions: number, ops: readonly WhyOp[]): boolean {
  return ops.every((op) => MAKING_KEYS.includes(op)) && anewAtMost(model, positions) >= KEY_CHANGES;
}

export function feedsCache(ops: readonly WhyOp[]): boolean {
  return ops.some((op) => FEEDING_CACHE.includes(op));
}

export function isSmallWork(model: ModelConfig, positions: number): boolean {
  return layerWeightsOf(model) * positions <= SMALL_WORK;
}

export function drawingOf(isSmall: boolean): Drawing {
  return isSmall ? DRAWING.small : DRAWING.large;
}

/** Changes of a large model that may be made anew from the first position, with their draws. */
export function anewAtMost(model: ModelConfig, positions: number): number {
  return Math.floor(ANEW_WORK / (layerWeightsOf(model) * positions * (1 + DRAWING.large.draws)));
}

/** Rows that a change takes whose earlier positions are kept, but for keys and values in so many layers of all. */
export function remadeRows(model: ModelConfig, positions: number, layers: number): number {
  return LONE_ROW + (positions * keyValueShare(model) * layers) / model.layers;
}

/** Part of a row's work that its keys and values take. */
function keyValueShare(model: ModelConfig): number {
  const { hiddenSize, queryHeads, keyValueHeads, headDim, layers } = model;
  return (layers * hiddenSize * (queryHeads + 2 * keyValueHeads) * headDim) / layerWeightsOf(model);
}

/** Weights of all layers, without embedding and lm_head. */
export function layerWeightsOf(model: ModelConfig): number {
  const { hiddenSize, intermediateSize, queryHeads, keyValueHeads, headDim, layers } = model;
  return layers * hiddenSize * (2 * (queryHeads + keyValueHeads) * headDim + 3 * intermediateSize);
}

/** Seconds for so many rows in tier fast; other tiers take longer, and weights that are streamed are read beside it. */
export function secondsOf(model: ModelConfig, rows: number, threads: number): number {
  const rate = FLOPS_PER_THREAD[model.hiddenSize < LARGE_HIDDEN ? 'small' : 'large'];
  return (2 * layerWeightsOf(model) * rows) / (rate * threads);
}
