// Runs lanes side by side over one context: each layer's weights are read once, and serve every lane before the next layer's.
// Exactness: a lane of one configuration computes the bits of decode-graph.ts; every operation is independent per row.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ModelConfig } from '../../../checkpoint/config.ts';
import { roundAllToBf16TiesEven } from '../../../numerics/bf16.ts';
import { type LayerTap, layerTap } from '../../taps.ts';
import type { DeviceEngine, LayerAttention } from '../../wormhole/attention-engine.ts';
import type { N150Config } from '../compute-config.ts';
import { decoderLayer } from '../decoder-layer.ts';
import type { DeviceWeights, LayerVectors, LayerWeights } from '../device-weights.ts';
import { createLayerOpsOn, createNorm, OP_CLASSES, type OpClass, openAttention } from '../layer-ops.ts';
import { createLinear } from '../linear.ts';
import { createPositionTables, type MakePositionTables } from '../ops/position-tables.ts';
import { type Columns, copyLastRows, type Rows } from '../rows.ts';
import type { Lane, OuterClass } from './lane.ts';
import { withRoundedInputs } from './rounded-inputs.ts';

export interface LaneRun {
  readonly model: ModelConfig;
  readonly engine: DeviceEngine;
  /** By name; resident or streamed. */
  readonly weights: ReadonlyMap<string, DeviceWeights>;
  /** The whole context, [P]. */
  readonly tokenIds: Int32Array;
  readonly promptLength: number | undefined;
  readonly lanes: readonly Lane[];
  /** Told after each lane's layer; the last call has done = total. */
  readonly onStep?: (done: number, total: number) => void;
  /** Awaited before the lanes of each layer. */
  readonly beforeLayer?: (layer: number) => Promise<void>;
}

const OUTSIDE = -1;
const MATRIX_PARTS = ['qkv', 'o', 'gateUp', 'down'] as const;
type MatrixPart = (typeof MATRIX_PARTS)[number];

/** @returns the last row's logits [V] of each lane. */
export async function runLanes(run: LaneRun): Promise<Float32Array[]> {
  const { model, lanes, onStep } = run;
  const steps = lanes.reduce((sum, { forks }) => sum + model.layers - (forks?.layer ?? 0), lanes.length);
  let done = 0;
  const step = (): void => onStep?.(++done, steps);
  const tables = memoized((rotary: ModelConfig) =>
    memoized((config: N150Config) => createPositionTables(rotary, config)),
  );
  const streams = new Map<Lane, Float32Array>();
  for (const lane of lanes) if (lane.forks === undefined) streams.set(lane, embed(run, lane));
  const fork = (layer: number): void => {
    for (const lane of lanes) {
      if (lane.forks?.layer === layer) streams.set(lane, streams.get(lane.forks.from)!.slice());
    }
  };
  for (let layer = 0; layer < model.layers; layer++) {
    fork(layer);
    await run.beforeLayer?.(layer);
    const running = lanes.filter((lane) => streams.has(lane));
    await withMatrices(run, running, layer, (matrices) => {
      for (const lane of running) {
        runLayer(run, lane, layer, { matrices, tables, hidden: streams.get(lane)! });
        step();
      }
    });
    await nextTurn();
  }
  fork(model.layers);
  const normed = lanes.map((lane) => finalNorm(run, lane, streams.get(lane)!));
  const logits = await headOf(run, normed);
  return lanes.map((lane, i) => {
    lane.onTap?.('logits', logits[i]!);
    step();
    return logits[i]!.slice(-model.vocabSize);
  });
}

function embed({ model, weights, tokenIds }: LaneRun, lane: Lane): Float32Array {
  const set = weights.get(lane.weightsOf(OUTSIDE, 'embedding'))!;
  const hidden = new Float32Array(lane.rows * model.hiddenSize);
  tokenIds.subarray(-lane.rows).forEach((id, row) => {
    set.embed(id, hidden, row * model.hiddenSize);
  });
  lane.onTap?.('embed_tokens.out', hidden);
  return hidden;
}

type Matrices = ReadonlyMap<string, LayerWeights>;

/** Runs `use` with a layer's matrices of every set that a lane asks for: each is read once, and all are held together. */
function withMatrices(
  { weights }: LaneRun,
  lanes: readonly Lane[],
  layer: number,
  use: (matrices: Matrices) => void,
): Promise<void> {
  const names = new Set(lanes.flatMap((lane) => MATRIX_PARTS.map((part) => lane.weightsOf(layer, part))));
  const held = new Map<string, LayerWeights>();
  const hold = async ([name, ...others]: readonly string[]): Promise<void> => {
    if (name === undefined) return use(held);
    await weights.get(name)!.withLayer(layer, (loaded) => {
      held.set(name, loaded);
      return hold(others);
    });
  };
  return hold([...names]);
}

interface LayerStep {
  readonly matrices: Matrices;
  readonly tables: (rotary: ModelConfig) => (config: N150Config) => MakePositionTables;
  /** [rows, H], changed in place. */
  readonly hidden: Float32Array;
}

function runLayer(run: LaneRun, lane: Lane, layer: number, { matrices, tables, hidden }: LayerStep): void {
  const { model, engine, tokenIds, promptLength } = run;
  const configOf = (opClass: OpClass): N150Config => lane.configFor(layer, opClass);
  const { wanted = 1 } = lane;
  const stream = lane.stream?.(layer);
  if (stream !== undefined) hidden.set(stream.subarray(0, hidden.length - wanted * model.hiddenSize));
  const rows = lane.stream !== undefined && stream === undefined ? wanted : lane.rows;
  const firstPosition = tokenIds.length - rows;
  if (configOf('residual').skipLayer !== layer) {
    // Keys and values are packed before they are remembered, where a lane can see them and write to them.
    const open = (): LayerAttention => openAttention(model, engine, { ...configOf('attention'), kvFormat: 'BF16' });
    const opened = open();
    const attention = lane.attentionOf?.(layer, opened, open) ?? opened;
    const plain = createLayerOpsOn(model, engine, configOf, attention);
    const tiers = new Set(OP_CLASSES.map((opClass) => configOf(opClass).tier));
    const ops = tiers.size === 1 ? plain : withRoundedInputs(plain, configOf);
    if (firstPosition > 0) {
      const past = lane.past!(layer);
      const width = model.keyValueHeads * model.headDim;
      const columns = (values: Float32Array): Columns => ({
        values: configOf('attention').tier === 'fp32' ? values : rounded(values),
        start: 0,
        stride: width,
        width,
      });
      ops.remember(columns(past.keys), columns(past.values), 0, firstPosition);
    }
    decoderLayer(
      {
        ops,
        weights: layerWeights(run, lane, layer, matrices),
        tables: tables(lane.rotaryOf?.(layer) ?? model)(configOf('rotary'))(firstPosition, rows, promptLength),
        firstPosition,
        firstRow: stream !== undefined || layer === model.layers - 1 ? rows - wanted : 0,
        showsCache: true,
        tap: <R extends Rows>(name: LayerTap, rows: R): R => {
          lane.onTap?.(layerTap(layer, name), rows);
          return rows;
        },
      },
      hidden.subarray(hidden.length - rows * model.hiddenSize),
    );
    attention.release();
  }
  lane.onTap?.(layerTap(layer, 'out'), hidden);
}

/** The matrices and vectors of each class from the set that the lane names. */
function layerWeights({ weights }: LaneRun, { weightsOf }: Lane, layer: number, matrices: Matrices): LayerWeights {
  const matrix = (part: MatrixPart): LayerWeights => matrices.get(weightsOf(layer, part))!;
  const vectors = (part: 'norm' | 'bias'): LayerVectors => weights.get(weightsOf(layer, part))!.vectorsOf(layer);
  return {
    inputLayernorm: vectors('norm').inputLayernorm,
    postAttentionLayernorm: vectors('norm').postAttentionLayernorm,
    qkvProj: matrix('qkv').qkvProj,
    qkvBias: vectors('bias').qkvBias,
    oProj: matrix('o').oProj,
    gateProj: matrix('gateUp').gateProj,
    upProj: matrix('gateUp').upProj,
    downProj: matrix('down').downProj,
  };
}

interface HeadRows {
  readonly lane: Lane;
  /** [wanted, H]. */
  readonly normed: Float32Array;
}

function finalNorm({ model, weights }: LaneRun, lane: Lane, hidden: Float32Array): HeadRows {
  const config = lane.configFor(OUTSIDE, 'finalNorm');
  const gamma = weights.get(lane.weightsOf(OUTSIDE, 'finalNorm'))!.norm;
  const rows = copyLastRows(hidden, lane.wanted ?? 1, model.hiddenSize);
  if (config.tier !== 'fp32') roundAllToBf16TiesEven(rows);
  const normed = createNorm(model, config, 'finalNorm')(rows, gamma);
  lane.onTap?.('norm.out', normed);
  return { lane, normed };
}

/** Logits [wanted, V] of each lane; lanes of one setting share the products. */
async function headOf({ model, engine, weights }: LaneRun, parts: readonly HeadRows[]): Promise<Float32Array[]> {
  const { vocabSize, hiddenSize } = model;
  const logits = new Map<HeadRows, Float32Array>();
  const groups = new Map<string, Map<N150Config, HeadRows[]>>();
  for (const part of parts) {
    const config = part.lane.configFor(OUTSIDE, 'lmHead' satisfies OuterClass);
    const name = part.lane.weightsOf(OUTSIDE, 'lmHead');
    const configs = groups.get(name) ?? new Map<N150Config, HeadRows[]>();
    groups.set(name, configs.set(config, [...(configs.get(config) ?? []), part]));
    logits.set(part, new Float32Array((part.normed.length / hiddenSize) * vocabSize));
  }
  for (const [name, configs] of groups) {
    const batches = [...configs].map(([config, members]) => ({ config, members, rows: gathered(config, members) }));
    await weights.get(name)!.forHeadSlices((slice, firstColumn) => {
      for (const { config, members, rows } of batches) {
        const made = createLinear(engine, config, config.lmHeadFidelity, config.logitsFormat)(rows, slice);
        let from = 0;
        for (const part of members) {
          const whole = logits.get(part)!;
          for (let row = 0; row * hiddenSize < part.normed.length; row++, from += slice.n) {
            whole.set(made.subarray(from, from + slice.n), row * vocabSize + firstColumn);
          }
        }
      }
    }, nextTurn);
  }
  return parts.map((part) => logits.get(part)!);
}

/** Rows of all members, one after the other, as the lm_head reads them. */
function gathered({ tier }: N150Config, members: readonly HeadRows[]): Float32Array {
  const rows = new Float32Array(members.reduce((length, { normed }) => length + normed.length, 0));
  let start = 0;
  for (const { normed } of members) {
    rows.set(normed, start);
    start += normed.length;
  }
  return tier === 'fp32' ? rows : rounded(rows);
}

function rounded(rows: Float32Array): Float32Array {
  const copy = rows.slice();
  roundAllToBf16TiesEven(copy);
  return copy;
}

function memoized<K, V>(make: (key: K) => V): (key: K) => V {
  const made = new Map<K, V>();
  return (key) => {
    const value = made.get(key) ?? make(key);
    made.set(key, value);
    return value;
  };
}
