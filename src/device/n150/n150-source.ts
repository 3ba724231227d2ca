// The N150 device model as a source of logits: prefill and decode over one sequence with its KV cache.
import type { Checkpoint } from '../../checkpoint/weights.ts';
import { InputError } from '../../errors.ts';
import type { FeedRequest, LogitsSource, RowSink, SourceInfo } from '../logits-source.ts';
import { allTaps } from '../taps.ts';
import type { DeviceEngine } from '../wormhole/attention-engine.ts';
import { type CoreCounts, coreCounts, gridText, kBlocks } from './chip.ts';
import { KNOB_NAMES, type N150Config } from './compute-config.ts';
import { createDecodeGraph, type GraphSequence } from './decode-graph.ts';
import { DeviceFeeds, type SequenceState } from './device-feeds.ts';
import { loadDeviceWeights, type WeightOptions } from './device-weights.ts';

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
  const { vocabSize } = checkpoint.config;
  const info = await sourceInfo(checkpoint, config, cores);
  const feeds = new DeviceFeeds(graph, checkpoint.config, weights.layerCount);
  const sequences: GraphSequence[] = [];

  function openSequence(close: () => Promise<void>): LogitsSource {
    const sequence = graph.openSequence();
    sequences.push(sequence);
    const state: SequenceState = { sequence, length: 0 };
    return {
      info,
      vocabSize,
      taps: allTaps(checkpoint.config.layers),
      get length() {
        return state.length;
      },
      sequence: () => openSequence(async () => undefined),
      async feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
        requireTokenIds(tokenIds, vocabSize);
        await feeds.feed(state, tokenIds, want, onRow);
      },
      truncate(newLength: number): Promise<void> {
        state.length = Math.min(state.length, newLength);
        return Promise.resolve();
      },
      close(): Promise<void> {
        sequence.release();
        return close();
      },
    };
  }

  return openSequence(() => {
    for (const sequence of sequences) sequence.release();
    return weights.release();
  });
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
