// Qwen2 as the N150 runs it over a batch of positions: embeddings, layers on a residual stream, final norm, lm_head.
// Source: n150-numerics C. Every operation is independent per row, so a batch gives the same bits as single positions.
import type { ModelConfig } from '../../checkpoint/config.ts';
import { type LayerTap, layerTap, type TapName } from '../taps.ts';
import type { DeviceEngine } from '../wormhole/attention-engine.ts';
import type { N150Config } from './compute-config.ts';
import type { DeviceWeights, LayerWeights } from './device-weights.ts';
import { type ConfigFor, createLayerOps, createNorm, type LayerOps } from './layer-ops.ts';
import { createLinear } from './linear.ts';
import { createPositionTables, type PositionTables } from './ops/position-tables.ts';
import { fromRow, type Rows } from './rows.ts';

/** The next positions of a sequence; those before them must have been run. */
export interface Pass {
  /** [P]. */
  readonly tokenIds: Int32Array;
  /** Of row 0. */
  readonly firstPosition: number;
  /** 0 … P last rows are wanted; of the others, the last layer makes keys and values only. */
  readonly wantedRows: number;
  /** Position of the first decode step, where `demoRotOffByOne` acts; undefined for none. */
  readonly promptLength: number | undefined;
}

/** Who looks on while a pass runs. */
export interface Onlooker {
  /** Gets the rows of every tap, the wanted ones last among them; they are good during the call only. */
  readonly onTap: (tap: TapName, rows: Rows) => void;
  /** Awaited after each layer and each slice of the lm_head; what it throws ends the pass. */
  readonly between: () => Promise<void>;
  readonly onLayer: (done: number) => void;
}

export interface DecodeGraph {
  /** Runs the layers and keeps their keys and values. @returns [wantedRows, H] after the final norm. */
  run(pass: Pass, onlooker: Onlooker): Promise<Float32Array>;
  /** Rows [R, H] of the final norm to logits [R, V]. */
  logits(normed: Float32Array, onlooker: Pick<Onlooker, 'between'>): Promise<Float32Array>;
  /** Forgets all positions and gives the memory of their keys and values back. */
  release(): void;
}

export interface GraphParts {
  readonly model: ModelConfig;
  /** Knobs of everything around the layers. */
  readonly config: N150Config;
  readonly configFor: ConfigFor;
  readonly weights: DeviceWeights;
  readonly engine: DeviceEngine;
}

export function createDecodeGraph({ model, config, configFor, weights, engine }: GraphParts): DecodeGraph {
  const { hiddenSize, vocabSize } = model;
  const positionTables = createPositionTables(model, config);
  const layers = Array.from({ length: weights.layerCount }, (_, layer) =>
    createLayerOps(model, engine, (opClass) => configFor(layer, opClass)),
  );
  const norm = createNorm(model, config, 'finalNorm');
  const lmHead = createLinear(engine, config, config.lmHeadFidelity, config.logitsFormat);

  async function run(pass: Pass, { onTap, between, onLayer }: Onlooker): Promise<Float32Array> {
    const { tokenIds, firstPosition, wantedRows, promptLength } = pass;
    const hidden = embed(tokenIds);
    onTap('embed_tokens.out', hidden);
    const tables = positionTables(firstPosition, tokenIds.length, promptLength);
    for (const [layer, ops] of layers.entries()) {
      const firstRow = layer === layers.length - 1 ? tokenIds.length - wantedRows : 0;
      const tap = <R extends Rows>(name: LayerTap, rows: R): R => {
        onTap(layerTap(layer, name), rows);
        return rows;
      };
      if (layer !== config.skipLayer) {
        await weights.withLayer(layer, (layerWeights) =>
          decoderLayer({ ops, weights: layerWeights, tables, firstPosition, firstRow, tap }, hidden),
        );
      }
      tap('out', hidden);
      await between();
      onLayer(layer + 1);
    }
    const normed = norm(hidden.subarray((tokenIds.length - wantedRows) * hiddenSize), weights.norm);
    onTap('norm.out', normed);
    return normed;
  }

  function embed(tokenIds: Int32Array): Float32Array {
    const hidden = new Float32Array(tokenIds.length * hiddenSize);
    tokenIds.forEach((tokenId, row) => {
      weights.embed(tokenId, hidden, row * hiddenSize);
    });
    return hidden;
  }

  async function logits(normed: Float32Array, { between }: Pick<Onlooker, 'between'>): Promise<Float32Array> {
    const rows = normed.length / hiddenSize;
    const whole = new Float32Array(rows * vocabSize);
    await weights.forHeadSlices((slice, firstColumn) => {
      const part = lmHead(normed, slice);
      for (let row = 0; row < rows; row++) {
        whole.set(part.subarray(row * slice.n, (row + 1) * slice.n), row * vocabSize + firstColumn);
      }
    }, between);
    return whole;
  }

  return {
    run,
    logits,
    release(): void {
      for (const layer of layers) layer.release();
    },
  };
}

/** A layer while a pass runs through it. */
interface RunningLayer {
  readonly ops: LayerOps;
  readonly weights: LayerWeights;
  readonly tables: PositionTables;
  readonly firstPosition: number;
  /** Rows before it get keys and values only. */
  readonly firstRow: number;
  /** Shows rows and gives them back. */
  readonly tap: <R extends Rows>(name: LayerTap, rows: R) => R;
}

/** Adds attention and MLP to the residual stream [P, H], in place. */
function decoderLayer(layer: RunningLayer, hidden: Float32Array): void {
  const { ops, weights, tap } = layer;
  const attended = attention(layer, tap('input_layernorm.out', ops.norm(hidden, weights.inputLayernorm)));
  const stream = ops.add(hidden.subarray(hidden.length - attended.length), attended);
  const fed = mlp(layer, tap('post_attention_layernorm.out', ops.norm(stream, weights.postAttentionLayernorm)));
  ops.add(stream, fed);
}

/** [P, H] -> [P - firstRow, H]. */
function attention({ ops, weights, tap, ...pass }: RunningLayer, normed: Float32Array): Float32Array {
  const { tables, firstPosition, firstRow } = pass;
  const rows = tables.cosines.length;
  const { queries, keys, values } = ops.qkv(normed, weights);
  tap('self_attn.q_proj.out', queries);
  tap('self_attn.k_proj.out', keys);
  tap('self_attn.v_proj.out', values);
  tap('self_attn.q_rotated', ops.rotate(queries, tables));
  tap('self_attn.k_rotated', ops.rotate(keys, tables));
  ops.remember(keys, values, firstPosition, rows);
  const mixed = ops.attend(fromRow(queries, firstRow), firstPosition + firstRow, rows - firstRow);
  return tap('self_attn.out', ops.o(tap('self_attn.o_proj.in', mixed), weights.oProj));
}

/** [R, H] -> [R, H]. */
function mlp({ ops, weights, tap }: RunningLayer, normed: Float32Array): Float32Array {
  const gate = tap('mlp.gate_proj.out', ops.gateUp(normed, weights.gateProj));
  const up = tap('mlp.up_proj.out', ops.gateUp(normed, weights.upProj));
  const product = tap('mlp.down_proj.in', ops.gatedSilu(gate, up));
  return tap('mlp.out', ops.down(product, weights.downProj));
}
