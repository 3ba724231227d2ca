// The operations of one layer on whole rows, each made from the knobs that its layer and class have.
// Source: n150-numerics C, row by row of its table.
import type { ModelConfig } from '../../checkpoint/config.ts';
import type { DeviceEngine, LayerAttention } from '../wormhole/attention-engine.ts';
import { createKvPacking } from '../wormhole/kv-packing.ts';
import type { LoadedMatrix } from '../wormhole/matmul-engine.ts';
import { tabulatedSilu } from '../wormhole/sfpu/silu-table.ts';
import { createVectorUnit } from '../wormhole/sfpu/vector-unit.ts';
import { attentionKnobs } from './attention-knobs.ts';
import { coreCounts } from './chip.ts';
import type { N150Config } from './compute-config.ts';
import type { LayerWeights } from './device-weights.ts';
import { createLinear } from './linear.ts';
import { createPlainAttention } from './ops/plain-attention.ts';
import type { PositionTables } from './ops/position-tables.ts';
import { createRmsNorm } from './ops/rms-norm.ts';
import { createRotate } from './ops/rotary.ts';
import { createAddRows, createMultiplyRows } from './ops/row-eltwise.ts';
import { type Columns, fromRow } from './rows.ts';

/** Classes of a layer's operations that can have knobs of their own. */
export const OP_CLASSES = [
  'norm',
  'qkv',
  'rotary',
  'kvCache',
  'attention',
  'o',
  'residual',
  'gateUp',
  'gatedSilu',
  'down',
] as const;
export type OpClass = (typeof OP_CLASSES)[number];

/** The knobs of one class of operations in one layer. */
export type ConfigFor = (layer: number, opClass: OpClass) => N150Config;

/** Queries [R, Q * D], keys and values [R, K * D]: columns of one matrix. */
export interface Projections {
  readonly queries: Columns;
  readonly keys: Columns;
  readonly values: Columns;
}

/** Every operation takes rows in BF16 (float32 in tier fp32) and gives a new array, but for those that say "in place". */
export interface LayerOps {
  /** x / rms(x) * gamma: [R, H], gamma [H]. */
  norm(hidden: Float32Array, gamma: Float32Array): Float32Array;
  /** [R, H] through the fused projection, with bias. */
  qkv(normed: Float32Array, weights: LayerWeights): Projections;
  /** Every head turned by its row's position, in place. */
  rotate(heads: Columns, tables: PositionTables): Columns;
  /** What the KV cache makes of keys or values [R, K * D], head by head: a new array. */
  cached(heads: Columns): Columns;
  /** Keeps rotated keys and values of successive positions. */
  remember(keys: Columns, values: Columns, firstPosition: number, rows: number): void;
  /** Attends at successive positions, each over everything remembered up to it: [R, Q * D]. */
  attend(queries: Columns, firstPosition: number, rows: number): Float32Array;
  /** [R, Q * D] -> [R, H]. */
  o(mixed: Float32Array, weights: LoadedMatrix): Float32Array;
  /** hidden + branch, in place; the residual stream is operand 0. */
  add(hidden: Float32Array, branch: Float32Array): Float32Array;
  /** [R, H] -> [R, F]. */
  gateUp(normed: Float32Array, weights: LoadedMatrix): Float32Array;
  /** silu(gate) * up, in place of gate. */
  gatedSilu(gate: Float32Array, up: Float32Array): Float32Array;
  /** [R, F] -> [R, H]. */
  down(product: Float32Array, weights: LoadedMatrix): Float32Array;
  /** Forgets what was remembered. */
  release(): void;
}

/** The layer's knobs for a class of operations. */
export type ConfigOf = (opClass: OpClass) => N150Config;

export function createLayerOps(model: ModelConfig, engine: DeviceEngine, configOf: ConfigOf): LayerOps {
  const attention = openAttention(model, engine, cachingAttention(configOf));
  return createLayerOpsOn(model, engine, configOf, attention);
}

/** @param attention - which remembers what it is given; whatever packs keys and values is in it or before it. */
export function createLayerOpsOn(
  model: ModelConfig,
  engine: DeviceEngine,
  configOf: ConfigOf,
  attention: LayerAttention,
): LayerOps {
  return {
    norm: createNorm(model, configOf('norm'), 'layerNorm'),
    qkv: createQkv(model, engine, configOf('qkv')),
    rotate: createRotateHeads(model, configOf('rotary')),
    cached: createCached(model, configOf('kvCache')),
    remember(keys, values, firstPosition, rows): void {
      for (let row = 0; row < rows; row++) {
        const key = fromRow(keys, row);
        const value = fromRow(values, row);
        attention.write(firstPosition + row, key.values, key.start, value.values, value.start);
      }
    },
    attend: ({ values, start, stride }, firstPosition, rows) =>
      attention.attend(values.subarray(start), stride, rows, firstPosition),
    o: createLinear(engine, configOf('o'), configOf('o').oFidelity, 'BF16'),
    add: createAddInPlace(engine, configOf('residual')),
    gateUp: createLinear(engine, configOf('gateUp'), configOf('gateUp').gateUpFidelity, 'BF16'),
    gatedSilu: createGatedSilu(engine, configOf('gatedSilu')),
    down: createLinear(engine, configOf('down'), configOf('down').downFidelity, 'BF16'),
    release: () => attention.release(),
  };
}

/** Attention's knobs with those of the cache that it reads. */
function cachingAttention(configOf: ConfigOf): N150Config {
  const { kvFormat, bfp8PackDoubleRound } = configOf('kvCache');
  return { ...configOf('attention'), kvFormat, bfp8PackDoubleRound };
}

export function openAttention(model: ModelConfig, engine: DeviceEngine, config: N150Config): LayerAttention {
  const knobs = attentionKnobs(model, config);
  return engine.openAttention?.(model, knobs) ?? createPlainAttention(model, knobs);
}

/** @param split - whose cores share a row: those of the layers' norms or of the final one. */
export function createNorm(model: ModelConfig, config: N150Config, split: 'layerNorm' | 'finalNorm'): LayerOps['norm'] {
  const { hiddenSize } = model;
  const norm = createRmsNorm(hiddenSize, coreCounts(model, config.gridRows)[split], config, createVectorUnit(config));
  return (hidden, gamma) => {
    const normed = new Float32Array(hidden.length);
    for (let start = 0; start < hidden.length; start += hiddenSize) {
      norm(hidden, start, gamma, normed.subarray(start, start + hiddenSize));
    }
    return normed;
  };
}

function createQkv(model: ModelConfig, engine: DeviceEngine, config: N150Config): LayerOps['qkv'] {
  const queryWidth = model.queryHeads * model.headDim;
  const keyValueWidth = model.keyValueHeads * model.headDim;
  const stride = queryWidth + 2 * keyValueWidth;
  const project = createLinear(engine, config, config.qkvFidelity, 'BF16');
  const addBias = createAddRows(engine, config);
  return (normed, { qkvProj, qkvBias }) => {
    const values = project(normed, qkvProj);
    addBias(values, qkvBias);
    return {
      queries: { values, start: 0, stride, width: queryWidth },
      keys: { values, start: queryWidth, stride, width: keyValueWidth },
      values: { values, start: queryWidth + keyValueWidth, stride, width: keyValueWidth },
    };
  };
}

function createRotateHeads({ headDim }: ModelConfig, config: N150Config): LayerOps['rotate'] {
  const rotate = createRotate(headDim, config);
  return (heads, { cosines, sines }) => {
    for (let row = 0; row < cosines.length; row++) {
      const { values, start, width } = fromRow(heads, row);
      for (let head = 0; head < width; head += headDim) rotate(values, start + head, cosines[row]!, sines[row]!);
    }
    return heads;
  };
}

function createCached({ headDim }: ModelConfig, config: N150Config): LayerOps['cached'] {
  const pack = createKvPacking(headDim, config);
  return ({ values, start, stride, width }) => {
    const rows = Math.ceil((values.length - start) / stride);
    const packed = new Float32Array(rows * width);
    for (let row = 0; row < rows; row++) {
      for (let head = 0; head < width; head += headDim) {
        packed.set(pack(values, start + row * stride + head), row * width + head);
      }
    }
    return { values: packed, start: 0, stride: width, width };
  };
}

function createAddInPlace(engine: DeviceEngine, config: N150Config): LayerOps['add'] {
  const add = createAddRows(engine, config);
  return (hidden, branch) => {
    add(hidden, branch);
    return hidden;
  };
}

function createGatedSilu(engine: DeviceEngine, config: N150Config): LayerOps['gatedSilu'] {
  const silu = config.tier === 'fp32' ? createVectorUnit(config).silu : tabulatedSilu(config);
  const multiply = createMultiplyRows(engine, config, config.multiplyFidelity);
  return (gate, up) => {
    for (let i = 0; i < gate.length; i++) gate[i] = silu(gate[i]!);
    multiply(gate, up);
    return gate;
  };
}
