// What a run of a checkpoint will need of this machine: told by doctor before it, beside what a run states after it.
import { float32Bytes, isDecoded, type WeightMemory } from '../../reference/graph/checkpoint-weights.ts';
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import { DEFAULT_N150_CONFIG } from '../../src/device/n150/recipes.ts';
import { planWeights, type WeightPlan } from '../../src/device/n150/weight-cache/memory-plan.ts';
import { cachedBytes as bytesInCache } from '../../src/device/n150/weight-cache/weight-cache.ts';
import { weightUnits } from '../../src/device/n150/weight-cache/weight-units.ts';
import { defaultThreads } from '../../src/machine.ts';
import type { PromptSpec, SequenceLimits } from '../record/run-spec.ts';
import { CHUNK_POSITIONS } from '../sequence/sequence.ts';
import { positionsOf, promptBytes, promptsTogether, referencePasses, referenceWeights } from '../sources/batch-plan.ts';

/** The prompts that the estimate is for, each to its longest end. */
export interface EstimatedJob {
  readonly prompts: readonly PromptSpec[];
  readonly limits: SequenceLimits;
}

/**
 * Multiplications and additions per second and thread, whole feeds of all positions, attention and norms included.
 * Source: all 28 layers of Qwen2-7B, 248 positions, 2 threads of a 2-core machine (`npm run bench full-size`).
 */
const REFERENCE_FLOPS_PER_THREAD = 65e9;
const FAST_TIER_FLOPS_PER_THREAD = 20e9;
/** Weights per second and thread that one pass reads: mapped ones are widened, resident ones read as float32. Source: as above; Qwen2.5-0.5B. */
const READ_PER_THREAD = { mapped: 1.3e9, streamed: 0.4e9, resident: 2.2e9 } as const;
/** Weights widened and packed per second while resident ones are opened. Source: as above. */
const OPENED_PER_SECOND = 1e8;
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
  /** Positions of the job, all texts to their longest end. */
  readonly positions: number;
  /** Prompts that run together, and how the reference holds its weights. */
  readonly together: number;
  readonly referenceWeights: WeightMemory;
  /** Of computing alone: a disk that is slower than this makes it longer. */
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

export async function estimateRun(
  checkpoint: Checkpoint,
  job: EstimatedJob,
  options: EstimateOptions,
): Promise<RunEstimate> {
  const { cacheFolder, threads = defaultThreads() } = options;
  const { prompts, limits } = job;
  const lengths = prompts.map((prompt) => positionsOf(prompt, limits));
  const positions = lengths.reduce((sum, length) => sum + length, 0);
  const longest = Math.max(...lengths);
  const { config } = checkpoint;
  const together = Math.min(prompts.length, promptsTogether([config, config], 1, longest, options.memoryBytes));
  const passes = referencePasses(prompts, limits, together);
  const { weights: memory } = referenceWeights(checkpoint, { threads, memoryBytes: options.memoryBytes, passes });
  const batchBytes = (together * promptBytes([config, config], 1, longest)) / 2;
  const units = weightUnits(checkpoint, DEFAULT_N150_CONFIG);
  const plan = planWeights(units, options.memoryBytes);
  const weights = units.flat().reduce((sum, { k, n }) => sum + k * n, 0);
  const flops = 2 * weights * positions;
  const cachedBytes = cacheFolder === undefined ? 0 : await bytesInCache(cacheFolder, checkpoint, units);
  const uncached = Math.max(0, 1 - cachedBytes / plan.packedBytes);
  const checkpointBytes = [...checkpoint.tensors.values()].reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  return {
    positions,
    together,
    referenceWeights: memory,
    device: { ...plan, cachedBytes, needsWeightCache: plan.mode === 'streamed' && cacheFolder === undefined },
    seconds: {
      reference:
        flops / (REFERENCE_FLOPS_PER_THREAD * threads) +
        (passes * weights) / (READ_PER_THREAD[memory] * threads) +
        (memory === 'resident' ? weights / OPENED_PER_SECOND : 0),
      device: flops / (FAST_TIER_FLOPS_PER_THREAD * threads),
      packing: (uncached * weights) / PACKED_WEIGHTS_PER_SECOND,
    },
    memoryBytes: {
      reference: BASE_BYTES + referenceBytes(checkpoint, memory, Math.min(longest, CHUNK_POSITIONS)) + batchBytes,
      device: plan.memoryBytes + activationBytes(checkpoint) + batchBytes,
    },
    readBytes: checkpointBytes * (1 + uncached) + (cacheFolder === undefined ? 0 : plan.packedBytes),
    writeBytes: cacheFolder === undefined ? 0 : Math.ceil(uncached * plan.packedBytes),
  };
}

/** Weights that stay, as float32 (slices of mapped ones are small beside the rest); scores, gate, up and their product; golden rows. */
function referenceBytes(checkpoint: Checkpoint, memory: WeightMemory, rows: number): number {
  const { queryHeads, intermediateSize, hiddenSize, vocabSize } = checkpoint.config;
  // While a session opens, what was decoded stands beside the runtime's own copy.
  const copies = isDecoded(checkpoint) ? 2 : 1;
  const weights = memory === 'resident' ? copies * float32Bytes(checkpoint) : 0;
  const row = 3 * intermediateSize + 4 * hiddenSize + vocabSize;
  return weights + (CHUNK_POSITIONS * row + 2 * queryHeads * rows ** 2) * FLOAT32_BYTES;
}

/** Of the device: gate, up and their product, tiled inputs, and a chunk's logits. */
function activationBytes({ config }: Checkpoint): number {
  return CHUNK_POSITIONS * (4 * config.intermediateSize + 4 * config.hiddenSize + config.vocabSize) * FLOAT32_BYTES;
}
