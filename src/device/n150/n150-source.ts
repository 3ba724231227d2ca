// The N150 device model as a source of logits: prefill and decode over one sequence with its KV cache.
import type { Checkpoint } from '../../checkpoint/weights.ts';
import { InputError } from '../../errors.ts';
import type { FeedRequest, LogitsSource, RowSink, SourceInfo, TapName } from '../logits-source.ts';
import type { DeviceEngine } from './attention-engine.ts';
import { type CoreCounts, coreCounts, gridText, kBlocks } from './chip.ts';
import { KNOB_NAMES, type N150Config } from './compute-config.ts';
import { createDecodeGraph } from './decode-graph.ts';
import { loadDeviceWeights, type WeightOptions } from './device-weights.ts';

/** Rows that pass through the layers together, so that streamed weights are read once for all of them; changes no bit. */
const ROWS_PER_BATCH = 256;

const LAYER_OUTPUT = /^layers\.(\d+)\.out$/;

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
  const graph = createDecodeGraph(checkpoint.config, config, weights, engine);
  const { vocabSize, hiddenSize } = checkpoint.config;
  const info = await sourceInfo(checkpoint, config, cores);
  const rowsPerLogits = Math.max(1, Math.floor(LOGITS_PER_BATCH / vocabSize));
  let length = 0;

  async function feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
    requireTokenIds(tokenIds, vocabSize);
    const wantedTaps = new Set<TapName>(want.taps ?? []);
    for (let start = 0; start < tokenIds.length; start += ROWS_PER_BATCH) {
      const batch = tokenIds.subarray(start, start + ROWS_PER_BATCH);
      const taps = new Map<TapName, Float32Array>();
      const isLastBatch = start + batch.length === tokenIds.length;
      const unwanted = unwantedRows(want.rows, batch.length, isLastBatch);
      const normed = await graph.run(batch, length, want.promptLength, unwanted, (tap, rows) => {
        want.signal?.throwIfAborted();
        const layer = LAYER_OUTPUT.exec(tap)?.[1];
        if (layer !== undefined) want.onLayer?.(Number(layer) + 1, weights.layerCount);
        if (wantedTaps.has(tap)) taps.set(tap, rows.slice());
      });
      const firstPosition = length + unwanted;
      length += batch.length;
      const rows = batch.length - unwanted;
      for (let row = 0; row < rows; row += rowsPerLogits) {
        const end = Math.min(row + rowsPerLogits, rows);
        const logits = await graph.logits(normed.subarray(row * hiddenSize, end * hiddenSize), end - row);
        for (let i = row; i < end; i++) {
          await onRow({
            position: firstPosition + i,
            tokenId: batch[unwanted + i]!,
            logits: logits.subarray((i - row) * vocabSize, (i - row + 1) * vocabSize),
            taps: new Map(
              [...taps].map(([tap, values]) => [tap, values.subarray(i * hiddenSize, (i + 1) * hiddenSize)]),
            ),
          });
        }
      }
    }
  }

  return {
    info,
    vocabSize,
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

/** Rows at a batch's beginning whose logits nobody asked for. */
function unwantedRows(rows: FeedRequest['rows'], count: number, isLastBatch: boolean): number {
  if (rows === 'all') return 0;
  return rows === 'last' && isLastBatch ? count - 1 : count;
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
