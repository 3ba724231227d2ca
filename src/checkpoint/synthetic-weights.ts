// What a synthetic checkpoint's tensors hold: a scale per role, and the outliers that make real Qwen2 weights hard to compute with.
// Source: n150-numerics section G rank 1 (key biases, measured on Qwen2.5-7B); a few massive channels made by single
// weights of an early down_proj, as known of language models of this size.
// Exactness: IEEE additions, products, quotients and square roots only; the same bytes on every machine.
import { InternalError } from '../errors.ts';
import { bf16PatternsFromValues, valueFromBf16 } from '../numerics/bf16.ts';
import { elementCount } from '../tensor/dtypes.ts';
import type { ModelConfig } from './config.ts';
import { fillPairs, scaledTable, standardValues, streamKey } from './synthetic-values.ts';

/** Writes BF16 patterns of a tensor from element `firstElement` (even) on; `out` starts at a multiple of 4 bytes. */
export type TensorFill = (out: Uint16Array, firstElement: number) => void;

/** Euclidean norms of k_proj's bias in 512 key channels; other widths keep the size of an element. */
export const KEY_BIAS_NORMS = { firstLayer: 605, lastLayer: 921, between: 22, channels: 512 } as const;
/** Channels of the residual stream that become massive in layer 0. */
const MASSIVE_CHANNELS = 4;
/** Gate and up rows of the units that feed them are so much larger: their product reaches about 100. */
const MASSIVE_UNIT_GAIN = 8;
/** The one large weight of down_proj from such a unit to its channel. */
const MASSIVE_WEIGHT = 2;
/** Norms after layer 0 turn the massive channels down, as trained ones do. */
const MASSIVE_NORM_GAIN = 0.1;

/** Standard deviation of a matrix times the square root of its inputs: what it does to a normalised row. */
const GAINS: Readonly<Record<string, number>> = {
  q_proj: 1.2,
  k_proj: 1.2,
  v_proj: 0.9,
  o_proj: 1,
  gate_proj: 1.2,
  up_proj: 1.2,
  down_proj: 1,
  lm_head: 1,
};
const EMBEDDING_DEVIATION = 0.015;
/** Spread of norm weights around their mean. */
const NORM_SPREAD = 0.2;
const FINAL_NORM_MEAN = 3;
const QUERY_BIAS_DEVIATION = 0.5;
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
  const outliers = layerOf(name) === 0 ? matrixOutliers(role, columns, model) : [];
  return (out, firstElement) => {
    fillPairs(new Uint32Array(out.buffer, out.byteOffset, (out.length + 1) >> 1), table, key, firstElement / 2);
    for (const { start, end, change } of outliers) {
      const last = Math.min(end, firstElement + out.length);
      for (let i = Math.max(start, firstElement); i < last; i++) {
        out[i - firstElement] = bf16(change(valueFromBf16(out[i - firstElement]!)));
      }
    }
  };
}

interface Outlier {
  /** Flat indices, half open. */
  readonly start: number;
  readonly end: number;
  readonly change: (value: number) => number;
}

/** Layer 0: unit i fires high (gate and up), and one weight of down_proj carries it into massive channel i. */
function matrixOutliers(role: string, columns: number, model: SyntheticModel): Outlier[] {
  const units = distinctNumbers(model.config.intermediateSize, streamKey(model.seed, 'massive units').first);
  if (role === 'gate_proj' || role === 'up_proj') {
    return units.map((unit) => ({
      start: unit * columns,
      end: (unit + 1) * columns,
      change: (value) => value * MASSIVE_UNIT_GAIN,
    }));
  }
  if (role !== 'down_proj') return [];
  return massiveChannels(model).map((channel, i) => {
    const start = channel * columns + units[i]!;
    return { start, end: start + 1, change: () => MASSIVE_WEIGHT };
  });
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
 * The norm sits in the pairs that rotate slowest (the last three eighths of each half of a head), where a bias is nearly
 * common to all keys: faster pairs would fix attention to a few distances, which no trained model does.
 */
function keyBias(values: Float64Array, layer: number, { headDim, layers }: ModelConfig): Float64Array {
  const half = headDim / 2;
  const firstSlow = Math.ceil((half * 5) / 8);
  const shaped = values.map((value, i) => (i % half >= firstSlow ? value : value / 16));
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
