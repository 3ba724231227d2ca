// The N150 device model as a source of logits: prefill and decode over one sequence with its KV cache.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Checkpoint } from '../../checkpoint/weights.ts';
import { InputError } from '../../errors.ts';
import type { FeedRequest, LogitsSource, RowSink, SourceInfo, TapName } from '../logits-source.ts';
import { allTaps, tapWidth } from '../taps.ts';
import type { DeviceEngine } from '../wormhole/attention-engine.ts';
import { type CoreCounts, coreCounts, gridText, kBlocks } from './chip.ts';
import { KNOB_NAMES, type N150Config } from './compute-config.ts';
import { createDecodeGraph, type Onlooker } from './decode-graph.ts';
import { loadDeviceWeights, type WeightOptions } from './device-weights.ts';
import { copyLastRows } from './rows.ts';

/** Rows that pass through the layers together, so that streamed weights are read once for all of them; changes no bit. */
const ROWS_PER_BATCH = 256;

/** Logits made at once are at most this many values (256 MiB): all rows of a batch for Qwen2's 152,064 tokens. */
const LOGITS_PER_BATCH = 1 << 26;

/**
 * Packs the checkpoint for the device and opens an empty sequence.
 *
 * @param engine - used, not owned: closing the source leaves it open.
 * @param options - progress of the packing, weight cache on disk, memory budget; they change no bit.
 */
export async function createN150Source(
  checkpoint: Checkpoint,
  config: N150Config,
  engine: DeviceEngine,
  options: WeightOptions = {},
): Promise<LogitsSource> {
  const cores = coreCounts(checkpoint.config, config.gridRows);
  const weights = await loadDeviceWeights(checkpoint, config, engine, options);
  const graph = createDecodeGraph({ model: checkpoint.config, config, configFor: () => config, weights, engine });
  const { vocabSize, hiddenSize } = checkpoint.config;
  const info = await sourceInfo(checkpoint, config, cores);
  const rowsPerLogits = Math.max(1, Math.floor(LOGITS_PER_BATCH / vocabSize));
  let length = 0;

  async function feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
    requireTokenIds(tokenIds, vocabSize);
    const asked = new Set<TapName>(want.taps ?? []);
    for (let start = 0; start < tokenIds.length; start += ROWS_PER_BATCH) {
      const batch = tokenIds.subarray(start, start + ROWS_PER_BATCH);
      const isLastBatch = start + batch.length === tokenIds.length;
      const wantedRows = countWanted(want.rows, batch.length, isLastBatch);
      await feedBatch(batch, wantedRows, asked, want, onRow);
    }
  }

  async function feedBatch(
    batch: Int32Array,
    wantedRows: number,
    asked: ReadonlySet<TapName>,
    { signal, onLayer, promptLength }: FeedRequest,
    onRow: RowSink,
  ): Promise<void> {
    const taps = new Map<TapName, Float32Array>();
    const onlooker: Onlooker = {
      onTap(tap, rows) {
        if (asked.has(tap)) taps.set(tap, copyLastRows(rows, wantedRows, tapWidth(tap, checkpoint.config)));
      },
      showsCache: [...asked].some((tap) => tap.endsWith('_cached')),
      // Resident weights are handed over within one turn of the event loop: here signals and timers are served.
      async between() {
        await nextTurn();
        signal?.throwIfAborted();
      },
      onLayer: (done) => onLayer?.(done, weights.layerCount),
    };
    signal?.throwIfAborted();
    const normed = await graph.run({ tokenIds: batch, firstPosition: length, wantedRows, promptLength }, onlooker);
    length += batch.length;
    for (let first = 0; first < wantedRows; first += rowsPerLogits) {
      const rows = Math.min(rowsPerLogits, wantedRows - first);
      const logits = await graph.logits(rowsOf(normed, hiddenSize, first, rows), onlooker);
      for (let i = 0; i < rows; i++) {
        const row = first + i;
        await onRow({
          position: length - wantedRows + row,
          tokenId: batch[batch.length - wantedRows + row]!,
          logits: rowsOf(logits, vocabSize, i, 1),
          taps: new Map(
            [...taps].map(([tap, values]) => [tap, rowsOf(values, tapWidth(tap, checkpoint.config), row, 1)]),
          ),
        });
      }
    }
  }

  return {
    info,
    vocabSize,
    taps: allTaps(checkpoint.config.layers),
    get length() {
      return length;
    },
    feed,
    truncate(newLength: number): Promise<void> {
      length = Math.min(length, newLength);
      return Promise.resolve();
    },
    close(): Promise<void> {
      graph.release();
      return weights.release();
    },
  };
}

/** Rows at a batch's end whose logits are asked for. */
function countWanted(rows: FeedRequest['rows'], count: number, isLastBatch: boolean): number {
  if (rows === 'all') return count;
  return rows === 'last' && isLastBatch ? 1 : 0;
}

function rowsOf(values: Float32Array, width: number, first: number, count: number): Float32Array {
  return values.subarray(first * width, (first + count) * width);
}

function requireTokenIds(tokenIds: Int32Array, vocabSize: number): void {
  const wrong = tokenIds.find((id) => id < 0 || id >= vocabSize);
  if (wrong === undefined) return;
  throw new InputError('A token id is outside the vocabulary.', {
    code: 'TOKEN_ID',
    facts: { found: wrong, wanted: `0 … ${vocabSize - 1}` },
    hint: 'use the tokenizer of the same checkpoint',
  });
}

async function sourceInfo(checkpoint: Checkpoint, config: N150Config, cores: CoreCounts): Promise<SourceInfo> {
  const { hiddenSize, intermediateSize, queryHeads, headDim } = checkpoint.config;
  const isFloat32 = config.tier === 'fp32';
  const blocks = (k: number): number => kBlocks(k, config.in0BlockW);
  return {
    kind: 'n150-model',
    label: `N150 device model, tier ${config.tier}, recipe ${config.recipe}, grid ${gridText(config.gridRows)}`,
    model: checkpoint.name,
    weightsSha256: await checkpoint.sha256(),
    configSha256: checkpoint.configSha256,
    dtypes: {
      weights: config.weightFormat,
      lmHead: config.lmHeadFormat,
      bias: config.biasFormat,
      activations: isFloat32 ? 'F32' : 'BF16',
      kvCache: isFloat32 ? 'F32' : config.kvFormat,
      logits: isFloat32 ? 'F32' : config.logitsFormat,
    },
    logitsFormat: isFloat32 ? 'F32' : config.logitsFormat,
    settings: {
      ...Object.fromEntries(KNOB_NAMES.map((name) => [name, config[name]])),
      layerNormCores: `${cores.layerNorm.cores} x ${cores.layerNorm.tilesPerCore} tiles`,
      finalNormCores: `${cores.finalNorm.cores} x ${cores.finalNorm.tilesPerCore} tiles`,
      attentionCoresPerHead: config.sdpaMerge === 'oneCore' ? 1 : cores.attentionPerHead,
      linearCores: `qkv ${cores.qkv}, o ${cores.o}, gate and up ${cores.gateUp}, down ${cores.down}, lm_head ${cores.lmHead}`,
      kBlocks: `qkv, gate, up, lm_head ${blocks(hiddenSize)}, o ${blocks(queryHeads * headDim)}, down ${blocks(intermediateSize)}`,
    },
  };
}
