// Qwen2 as the N150 runs it over a batch of positions: embeddings, layers on a residual stream, final norm, lm_head.
// Source: n150-numerics C. Every operation is independent per row, so a batch gives the same bits as single positions.
import type { ModelConfig } from '../../checkpoint/config.ts';
import { type LayerTap, layerTap, type TapName } from '../taps.ts';
import type { DeviceEngine } from '../wormhole/attention-engine.ts';
import type { N150Config } from './compute-config.ts';
import { decoderLayer } from './decoder-layer.ts';
import type { DeviceWeights } from './device-weights.ts';
import { type ConfigFor, createLayerOps, createNorm, type LayerOps } from './layer-ops.ts';
import { createLinear } from './linear.ts';
import { createPositionTables, type PositionTables } from './ops/position-tables.ts';
import { fromRow, type Rows } from './rows.ts';
import { storeLogits, storeRows, withStoredFormats } from './stored-formats.ts';

/** Keys and values of one sequence, with the operations of each layer on them. */
export interface GraphSequence {
  readonly layers: readonly LayerOps[];
  /** Forgets all positions and gives the memory of their keys and values back. */
  release(): void;
}

/** The next positions of a sequence; those before them must have been run. */
export interface Pass {
  readonly sequence: GraphSequence;
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
  openSequence(): GraphSequence;
  /**
   * Runs the layers and keeps their keys and values.
   *
   * @param passes - of different sequences, whose rows share each operation; of several, all rows are wanted.
   * @returns [wanted rows of all passes, H] after the final norm.
   */
  run(passes: readonly [Pass, ...Pass[]], onlooker: Onlooker): Promise<Float32Array>;
  /** Rows [R, H] of the final norm to logits [R, V]. */
  logits(normed: Float32Array, onlooker: Pick<Onlooker, 'between'>): Promise<Float32Array>;
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
  const norm = createNorm(model, config, 'finalNorm');
  const lmHead = createLinear(engine, config, config.lmHeadFidelity, config.logitsFormat);

  function openSequence(): GraphSequence {
    const layers = Array.from({ length: weights.layerCount }, (_, layer) =>
      withStoredFormats(
        createLayerOps(model, engine, (opClass) => configFor(layer, opClass)),
        model,
        (opClass) => configFor(layer, opClass),
      ),
    );
    return {
      layers,
      release(): void {
        for (const layer of layers) layer.release();
      },
    };
  }

  async function run(
    passes: readonly [Pass, ...Pass[]],
    { onTap, showsCache, between, onLayer }: Onlooker,
  ): Promise<Float32Array> {
    const [{ firstPosition }] = passes;
    const tokenIds = passes.flatMap((pass) => [...pass.tokenIds]);
    const wantedRows = passes.reduce((sum, pass) => sum + pass.wantedRows, 0);
    const hidden = embed(tokenIds);
    onTap('embed_tokens.out', hidden);
    const tables = tablesOf(passes);
    for (let layer = 0; layer < weights.layerCount; layer++) {
      const ops = jointOps(passes, layer);
      const firstRow = layer === weights.layerCount - 1 ? tokenIds.length - wantedRows : 0;
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

  function tablesOf(passes: readonly Pass[]): PositionTables {
    const all = passes.map(({ firstPosition, tokenIds, promptLength }) =>
      positionTables(firstPosition, tokenIds.length, promptLength),
    );
    return { cosines: all.flatMap(({ cosines }) => cosines), sines: all.flatMap(({ sines }) => sines) };
  }

  function embed(tokenIds: readonly number[]): Float32Array {
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

  return { openSequence, run, logits };
}

/** A layer's operations on the joined rows of several sequences: those that have a cache go to each sequence's own. */
function jointOps(passes: readonly [Pass, ...Pass[]], layer: number): LayerOps {
  const [{ sequence: first }] = passes;
  const one = first.layers[layer]!;
  if (passes.length === 1) return one;
  let row = 0;
  const shares = passes.map(({ sequence, firstPosition, tokenIds }) => {
    const share = { ops: sequence.layers[layer]!, firstPosition, firstRow: row, rows: tokenIds.length };
    row += share.rows;
    return share;
  });
  return {
    ...one,
    remember(keys, values): void {
      for (const { ops, firstPosition, firstRow, rows } of shares) {
        ops.remember(fromRow(keys, firstRow), fromRow(values, firstRow), firstPosition, rows);
      }
    },
    attend(queries): Float32Array {
      const mixed = new Float32Array(row * queries.width);
      for (const { ops, firstPosition, firstRow, rows } of shares) {
        mixed.set(ops.attend(fromRow(queries, firstRow), firstPosition, rows), firstRow * queries.width);
      }
      return mixed;
    },
  };
}
