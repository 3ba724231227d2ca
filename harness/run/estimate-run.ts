// What a run of a checkpoint will need of this machine: told by doctor before it, beside what a run states after it.
import { float32Bytes, isDecoded, weightMemory } from '../../reference/graph/checkpoint-weights.ts';
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import { DEFAULT_N150_CONFIG } from '../../src/device/n150/recipes.ts';
import { planWeights, type WeightPlan } from '../../src/device/n150/weight-cache/memory-plan.ts';
import { cachedBytes as bytesInCache } from '../../src/device/n150/weight-cache/weight-cache.ts';
import { weightUnits } from '../../src/device/n150/weight-cache/weight-units.ts';
import { defaultThreads } from '../../src/machine.ts';
import { CHUNK_POSITIONS } from '../sequence/sequence.ts';

/** The run that the estimate is for: the original demo's prompt of 128 tokens and 120 forced ones. */
export const ESTIMATED_POSITIONS = 248;

/**
 * Multiplications and additions per second and thread, whole feeds of all positions, attention and norms included.
 * Source: all 28 layers of Qwen2-7B, 248 positions, 2 threads of a 2-core machine (`npm run bench full-size`).
 */
const REFERENCE_FLOPS_PER_THREAD = 65e9;
const FAST_TIER_FLOPS_PER_THREAD = 20e9;
/** Weights packed to tiles per second, the disk aside; one thread does it. Source: `npm run bench pack`. */
const PACKED_WEIGHTS_PER_SECOND = 4e8;

/** Node.js, ONNX Runtime and the package before any checkpoint is open. */
const BASE_BYTES = 120e6;
const FLOAT32_BYTES = 4;

export interface RunEstimate {
  readonly device: WeightPlan & {
    /** Of the weight cache, as it lies on disk now; 0 without one. */
    readonly cachedBytes: number;
    /** Whether a run is refused because weights must be streamed and there is no cache to stream from. */
    readonly needsWeightCache: boolean;
  };
  /** Of computing alone, for ESTIMATED_POSITIONS in forced tokens: a disk that is slower than this makes it longer. */
  readonly seconds: { readonly reference: number; readonly device: number; readonly packing: number };
  /** Anonymous memory at its peak: weights, keys and values, rows and activations. */
  readonly memoryBytes: { readonly reference: number; readonly device: number };
  /** Read from disk: the checkpoint by the reference, and by the device its packed weights. */
  readonly readBytes: number;
  /** Of the weight cache, still to be written. */
  readonly writeBytes: number;
}

export interface EstimateOptions {
  readonly memoryBytes: number | undefined;
  /** As `weightCacheFolder` has it. */
  readonly cacheFolder: string | undefined;
  readonly threads: number | undefined;
}

export async function estimateRun(checkpoint: Checkpoint, options: EstimateOptions): Promise<RunEstimate> {
  const { cacheFolder, threads = defaultThreads() } = options;
  const units = weightUnits(checkpoint, DEFAULT_N150_CONFIG);
  const plan = planWeights(units, options.memoryBytes);
  const weights = units.flat().reduce((sum, { k, n }) => sum + k * n, 0);
  const flops = 2 * weights * ESTIMATED_POSITIONS;
  const cachedBytes = cacheFolder === undefined ? 0 : await bytesInCache(cacheFolder, checkpoint, units);
  const uncached = Math.max(0, 1 - cachedBytes / plan.packedBytes);
  const checkpointBytes = [...checkpoint.tensors.values()].reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  return {
    device: { ...plan, cachedBytes, needsWeightCache: plan.mode === 'streamed' && cacheFolder === undefined },
    seconds: {
      reference: flops / (REFERENCE_FLOPS_PER_THREAD * threads),
      device: flops / (FAST_TIER_FLOPS_PER_THREAD * threads),
      packing: (uncached * weights) / PACKED_WEIGHTS_PER_SECOND,
    },
    memoryBytes: {
      reference: BASE_BYTES + referenceBytes(checkpoint) + keyValueBytes(checkpoint),
      device: plan.memoryBytes + activationBytes(checkpoint) + keyValueBytes(checkpoint),
    },
    readBytes: checkpointBytes * (1 + uncached) + (cacheFolder === undefined ? 0 : plan.packedBytes),
    writeBytes: cacheFolder === undefined ? 0 : Math.ceil(uncached * plan.packedBytes),
  };
}

/** Weights that stay, as float32 (slices of mapped ones are small beside the rest); scores, gate, up and their product; golden rows. */
function referenceBytes(checkpoint: Checkpoint): number {
  const { queryHeads, intermediateSize, hiddenSize, vocabSize } = checkpoint.config;
  // While a session opens, what was decoded stands beside the runtime's own copy.
  const copies = isDecoded(checkpoint) ? 2 : 1;
  const weights = weightMemory(checkpoint) === 'resident' ? copies * float32Bytes(checkpoint) : 0;
  const row = 2 * queryHeads * ESTIMATED_POSITIONS + 3 * intermediateSize + 4 * hiddenSize + vocabSize;
  return weights + ESTIMATED_POSITIONS * row * FLOAT32_BYTES;
}

/** Of the device: gate, up and their product, tiled inputs, and a chunk's logits. */
function activationBytes({ config }: Checkpoint): number {
  const rows = Math.min(CHUNK_POSITIONS, ESTIMATED_POSITIONS);
  return rows * (4 * config.intermediateSize + 4 * config.hiddenSize + config.vocabSize) * FLOAT32_BYTES;
}

/** Keys and values of one side, float32. */
function keyValueBytes({ config }: Checkpoint): number {
  return 2 * FLOAT32_BYTES * config.layers * config.keyValueHeads * config.headDim * ESTIMATED_POSITIONS;
}
