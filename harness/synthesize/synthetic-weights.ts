// What a synthetic checkpoint's tensors hold: a scale per role, and the outliers that make real Qwen2 weights hard to compute with.
// Source: n150-numerics section G rank 1 (key biases, measured on Qwen2.5-7B); a few massive channels made by single
// weights of an early down_proj, as known of language models of this size.
// Exactness: IEEE additions, products, quotients and square roots only; the same bytes on every machine.

import type { ModelConfig } from '../../src/checkpoint/config.ts';
import { EMBED_TOKENS } from '../../src/checkpoint/tensor-names.ts';
import { InternalError } from '../../src/errors.ts';
import { bf16PatternsFromValues } from '../../src/numerics/bf16.ts';
import { elementCount } from '../../src/tensor/dtypes.ts';
import { fillPairs, scaledTable, standardValues, streamKey } from './synthetic-values.ts';

/** Writes BF16 patterns of a tensor from element `firstElement` (even) on; `out` starts at a multiple of 4 bytes. */
export type TensorFill = (out: Uint16Array, firstElement: number) => void;

/** Euclidean norms of k_proj's bias in 512 key channels; other widths keep the size of an element. */
export const KEY_BIAS_NORMS = { firstLayer: 605, lastLayer: 921, between: 22, channels: 512 } as const;
/** Channels of the residual stream that become massive in layer 0. */
const MASSIVE_CHANNELS = 4;
/** One channel of the embedding has this value for every token; gate and up of the massive units read it. */
const CONSTANT_CHANNEL_VALUE = 0.5;
const MASSIVE_UNIT_WEIGHT = 4;
/** The one large weight of down_proj from such a unit to its channel. */
const MASSIVE_WEIGHT = 2;
/** Norms after layer 0 turn the massive channels down, as trained ones do. */
const MASSIVE_NORM_GAIN = 0.1;

/** Standard deviation of a matrix times the square root of its inputs: what it does to a normalised row. */
const GAINS: Readonly<Record<string, number>> = {
  q_proj: 0.7,
  k_proj: 1.2,
  v_proj: 0.9,
  o_proj: 0.7,
  gate_proj: 1.2,
  up_proj: 1.2,
  down_proj: 1,
  lm_head: 1,
};
const EMBEDDING_DEVIATION = 0.015;
/** Spread of norm weights around their mean. */
const NORM_SPREAD = 0.2;
const FINAL_NORM_MEAN = 3;
const QUERY_BIAS_DEVIATION = 0.3;
const VALUE_BIAS_DEVIATION = 0.05;

export interface SyntheticModel {
  readonly config: ModelConfig;
  readonly seed: number;
}

/** The channels of the residual stream that are massive after layer 0, in ascending order. */
export function massiveChannels({ config, seed }: SyntheticModel): readonly number[] {
  return distinctNumbers(config.hiddenSize, streamKey(seed, 'massive channels').first);
}

/** How to fill a tensor of `expectedTensors(config)`; its values depend on seed, name and shape, a layer's on its place too. */
export function createTensorFill(name: string, shape: readonly number[], model: SyntheticModel): TensorFill {
  return shape.length === 2 ? matrixFill(name, shape, model) : vectorFill(vectorValues(name, shape, model));
}

function matrixFill(name: string, shape: readonly number[], model: SyntheticModel): TensorFill {
  const columns = shape[1]!;
  const role = roleOf(name);
  const gain = GAINS[role];
  if (gain === undefined && role !== 'embed_tokens') throw unknownRole(name);
  const table = scaledTable(gain === undefined ? EMBEDDING_DEVIATION : gain / Math.sqrt(columns));
  const key = streamKey(model.seed, name);
  const outliers = outliersOf(name, shape, model);
  return (out, firstElement) => {
    fillPairs(new Uint32Array(out.buffer, out.byteOffset, (out.length + 1) >> 1), table, key, firstElement / 2);
    for (const { start, step, pattern } of outliers) {
      const skipped = Math.max(0, Math.ceil((firstElement - start) / step));
      for (let i = start + skipped * step - firstElement; i < out.length; i += step) out[i] = pattern;
    }
  };
}

/** Every `step`-th element from `start` on, counted in the flattened matrix. */
interface Outlier {
  readonly start: number;
  readonly step: number;
  readonly pattern: number;
}

/**
 * The constant channel opens a few units of layer 0, and one weight of down_proj carries each into its massive channel: as in
 * trained models the massive values are nearly constant, and neighbours in a block float sit beside single large weights.
 */
function outliersOf(name: string, [rows = 0, columns = 0]: readonly number[], model: SyntheticModel): Outlier[] {
  const { hiddenSize, intermediateSize } = model.config;
  const constant = (streamKey(model.seed, 'constant channel').first >>> 0) % hiddenSize;
  const single = (row: number, column: number, value: number): Outlier => ({
    start: row * columns + column,
    step: rows * columns,
    pattern: bf16(value),
  });
  if (name === EMBED_TOKENS) return [{ start: constant, step: columns, pattern: bf16(CONSTANT_CHANNEL_VALUE) }];
  const units = distinctNumbers(intermediateSize, streamKey(model.seed, 'massive units').first);
  switch (layerOf(name) === 0 ? roleOf(name) : '') {
    case 'gate_proj':
      return units.map((unit) => single(unit, constant, MASSIVE_UNIT_WEIGHT));
    case 'up_proj':
      // Massive values of both signs.
      return units.map((unit, i) => single(unit, constant, i % 2 === 0 ? MASSIVE_UNIT_WEIGHT : -MASSIVE_UNIT_WEIGHT));
    case 'down_proj':
      return massiveChannels(model).map((channel, i) => single(channel, units[i]!, MASSIVE_WEIGHT));
    default:
      return [];
  }
}

function vectorFill(values: Float64Array): TensorFill {
  const patterns = bf16PatternsFromValues(Float32Array.from(values));
  return (out, firstElement) => out.set(patterns.subarray(firstElement, firstElement + out.length));
}

function vectorValues(name: string, shape: readonly number[], model: SyntheticModel): Float64Array {
  const values = standardValues(elementCount(shape), streamKey(model.seed, name));
  switch (roleOf(name)) {
    case 'q_proj':
      return values.map((value) => value * QUERY_BIAS_DEVIATION);
    case 'k_proj':
      return keyBias(values, layerOf(name)!, model.config);
    case 'v_proj':
      return values.map((value) => value * VALUE_BIAS_DEVIATION);
    case 'input_layernorm':
    case 'post_attention_layernorm':
      return normWeights(values, 1, layerOf(name) === 0 ? [] : massiveChannels(model));
    case 'norm':
      return normWeights(values, FINAL_NORM_MEAN, massiveChannels(model));
    default:
      throw unknownRole(name);
  }
}

function normWeights(values: Float64Array, mean: number, damped: readonly number[]): Float64Array {
  const weights = values.map((value) => mean * (1 + NORM_SPREAD * value));
  for (const channel of damped) weights[channel] = weights[channel]! * MASSIVE_NORM_GAIN;
  return weights;
}

/**
 * Nearly all of the norm sits in the pairs that rotate slowest (the last 3/32 of each half of a head), in elements of similar
 * size: at 7B's width up to 140 in layer 0 and 180 in the last, so that they rule the exponent of 16 neighbours, and yet the
 * bias is nearly common to all keys. Faster pairs would fix attention to a few distances, which no trained model does.
 */
function keyBias(values: Float64Array, layer: number, { headDim, layers }: ModelConfig): Float64Array {
  const half = headDim / 2;
  const firstSlow = half - Math.ceil((half * 3) / 32);
  const shaped = values.map((value, i) => {
    if (i % half < firstSlow) return value / 64;
    return value < 0 ? value / 4 - 1 : value / 4 + 1;
  });
  const { firstLayer, lastLayer, between, channels } = KEY_BIAS_NORMS;
  const wanted = layer === 0 ? firstLayer : layer === layers - 1 ? lastLayer : between;
  let squares = 0;
  for (const value of shaped) squares += value * value;
  const scale = (wanted * Math.sqrt(values.length / channels)) / Math.sqrt(squares);
  return shaped.map((value) => value * scale);
}

/** Up to four different numbers below `limit`, ascending. */
function distinctNumbers(limit: number, start: number): readonly number[] {
  const count = Math.min(MASSIVE_CHANNELS, limit);
  const numbers = new Set<number>();
  for (let at = start >>> 0; numbers.size < count; at = (Math.imul(at, 0x0019_660d) + 0x3c6e_f35f) >>> 0) {
    numbers.add((at >>> 8) % limit);
  }
  return [...numbers].sort((a, b) => a - b);
}

/** `model.layers.3.mlp.up_proj.weight` → `up_proj`. */
function roleOf(name: string): string {
  return name.split('.').at(-2)!;
}

function layerOf(name: string): number | undefined {
  const layer = /^model\.layers\.(\d+)\./.exec(name)?.[1];
  return layer === undefined ? undefined : Number(layer);
}

function bf16(value: number): number {
  return bf16PatternsFromValues(Float32Array.of(value))[0]!;
}

function unknownRole(name: string): InternalError {
  return new InternalError(`synthetic weights: no values are defined for ${name}.`, { code: 'SYNTHETIC_ROLE' });
}
