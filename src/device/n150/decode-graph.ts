// Qwen2 as the N150 runs it over a batch of positions: embeddings, layers on a residual stream, final norm, lm_head.
// Source: n150-numerics C. Every operation is independent per row, so a batch gives the same bits as single positions.
import type { ModelConfig } from '../../checkpoint/config.ts';
import { type LayerTap, layerTap, type TapName } from '../taps.ts';
import type { DeviceEngine } from '../wormhole/attention-engine.ts';
import type { N150Config } from './compute-config.ts';
import { decoderLayer } from './decoder-layer.ts';
import type { DeviceWeights } from './device-weights.ts';
import { type ConfigFor, createLayerOps, createNorm } from './layer-ops.ts';
import { createLinear } from './linear.ts';
import { createPositionTables } from './ops/position-tables.ts';
import type { Rows } from './rows.ts';
import { storeLogits, storeRows, withStoredFormats } from './stored-formats.ts';

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
  /** Whether it looks at what the KV cache keeps: those taps are not shown otherwise. */
  readonly showsCache: boolean;
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
    withStoredFormats(
      createLayerOps(model, engine, (opClass) => configFor(layer, opClass)),
      model,
      (opClass) => configFor(layer, opClass),
    ),
  );
  const norm = createNorm(model, config, 'finalNorm');
  const lmHead = createLinear(engine, config, config.lmHeadFidelity, config.logitsFormat);

  async function run(pass: Pass, { onTap, showsCache, between, onLayer }: Onlooker): Promise<Float32Array> {
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
          decoderLayer({ ops, weights: layerWeights, tables, firstPosition, firstRow, showsCache, tap }, hidden),
        );
      }
      tap('out', hidden);
      await between();
      onLayer(layer + 1);
    }
    const normed = storeRows(norm(hidden.subarray((tokenIds.length - wantedRows) * hiddenSize), weights.norm), config);
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
      const part = storeLogits(lmHead(normed, slice), slice.n, config);
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
