// What a case's prompts that run together take, how many may, and whether float32 weights of the reference pay: from plan and machine alone.

import { totalmem } from 'node:os';
import { constrainedMemory } from 'node:process';
import { float32Bytes, isDecoded, type WeightMemory, weightMemory } from '../../reference/graph/checkpoint-weights.ts';
import type { ModelConfig } from '../../src/checkpoint/config.ts';
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import { defaultBudget } from '../../src/device/n150/weight-cache/memory-plan.ts';
import { defaultThreads } from '../../src/machine.ts';
import type { PromptSpec, SequenceLimits } from '../record/run-spec.ts';
import { CHUNK_POSITIONS } from '../sequence/sequence.ts';

/** Most prompts that run together: of twice as many, a step takes hardly less time for each. */
export const PROMPTS_TOGETHER = 16;

/** Part of --memory, or of what the device's weights may take without it, that keys and values of prompts together may have. */
const BATCH_SHARE = 0.25;
/** The same of the machine, up to --memory itself: weights that are streamed want little room, and a pass that more prompts share saves much. */
const BATCH_SHARE_OF_MACHINE = 0.125;
const FLOAT32_BYTES = 4;
/** A cache that grows stands beside the one that it replaces, or has twice the room. */
const CACHE_COPIES = 2;
/** Rows [V] float32 that judging a variant of a prompt keeps. */
const JUDGED_ROWS = 8;

/** Positions of a prompt at most. */
export function positionsOf({ promptIds, continuationIds }: PromptSpec, limits: SequenceLimits): number {
  const { maxNewTokens, maxSeqLen } = limits;
  const greedy = Math.max(promptIds.length, Math.min(promptIds.length + maxNewTokens, maxSeqLen));
  return continuationIds === null ? greedy : promptIds.length + continuationIds.length;
}

/** Keys and values of a position, float32, of one side. */
export function keyValueBytes({ layers, keyValueHeads, headDim }: ModelConfig): number {
  return 2 * FLOAT32_BYTES * layers * keyValueHeads * headDim;
}

/**
 * What one more prompt that runs together with others takes.
 *
 * @param sides - models of the reference and of each device that computes.
 * @param variants - that are judged.
 */
export function promptBytes(sides: readonly ModelConfig[], variants: number, positions: number): number {
  const caches = sides.reduce((sum, model) => sum + CACHE_COPIES * keyValueBytes(model) * positions, 0);
  return caches + variants * JUDGED_ROWS * FLOAT32_BYTES * sides[0]!.vocabSize;
}

/** How many prompts of so many positions may run together; one in any case. @param memoryBytes - of --memory. */
export function promptsTogether(
  sides: readonly ModelConfig[],
  variants: number,
  positions: number,
  memoryBytes: number | undefined,
): number {
  const affordable = Math.floor(batchRoom(memoryBytes) / promptBytes(sides, variants, positions));
  return Math.max(1, Math.min(PROMPTS_TOGETHER, affordable));
}

function batchRoom(memoryBytes: number | undefined): number {
  if (memoryBytes === undefined) return BATCH_SHARE * defaultBudget();
  return Math.max(BATCH_SHARE * memoryBytes, Math.min(memoryBytes, BATCH_SHARE_OF_MACHINE * machineBytes()));
}

/**
 * Passes that the reference makes over its weights: known tokens a chunk at a time, then one for each token of the longest text of those that run
 * together.
 */
export function referencePasses(prompts: readonly PromptSpec[], limits: SequenceLimits, together: number): number {
  let passes = 0;
  for (let first = 0; first < prompts.length; first += together) {
    const group = prompts.slice(first, first + together);
    const known = group.reduce((sum, one) => sum + one.promptIds.length + (one.continuationIds?.length ?? 0), 0);
    const greedy = group.map((one) =>
      one.continuationIds === null ? positionsOf(one, limits) - one.promptIds.length : 0,
    );
    passes += Math.ceil(known / CHUNK_POSITIONS) + Math.max(...greedy);
  }
  return passes;
}

/**
 * Passes after which weights that are widened once have cost less than those that are widened at each pass. Source: Qwen2.5-0.5B, 2 threads
 * (`npm run bench peers`, both ways): opening takes 3.0 s longer, each greedy step 0.2 s less.
 */
const PASSES_THAT_PAY = 15;
/** Of the machine's memory, what float32 weights may take; of --memory twice that share. */
const RESIDENT_SHARE = 0.25;
/** Each stage of resident weights is a session with threads of its own. */
const SESSION_THREADS_MOST = 1024;

export interface ReferencePlan {
  readonly threads: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly passes: number;
}

/** How the reference holds its weights, and why where plan and machine decided it. */
export interface HeldWeights {
  readonly weights: WeightMemory;
  readonly because?: string;
}

/** How the reference holds plain weights: the plan and the machine's size decide, not what is free at the moment. */
export function referenceWeights(checkpoint: Checkpoint, plan: ReferencePlan): HeldWeights {
  const byDefault = weightMemory(checkpoint);
  if (isDecoded(checkpoint)) return { weights: byDefault };
  const { threads = defaultThreads(), memoryBytes, passes } = plan;
  const sessionThreads = (checkpoint.config.layers + 2) * (threads - 1);
  if (sessionThreads > SESSION_THREADS_MOST) {
    return {
      weights: 'mapped',
      because: `${sessionThreads} threads would stand beside them, at most ${SESSION_THREADS_MOST} may`,
    };
  }
  if (byDefault === 'resident') return { weights: byDefault };
  const room = memoryBytes === undefined ? RESIDENT_SHARE * machineBytes() : 2 * RESIDENT_SHARE * memoryBytes;
  const bytes = float32Bytes(checkpoint);
  const size = `float32 takes ${gigabytes(bytes)} of at most ${gigabytes(room)} GB`;
  if (bytes > room) return { weights: 'mapped', because: size };
  const pays = passes >= PASSES_THAT_PAY;
  return {
    weights: pays ? 'resident' : 'mapped',
    because: `${size}, and opening it is won back from ${PASSES_THAT_PAY} passes on; this run makes ${passes}`,
  };
}

function gigabytes(bytes: number): string {
  return (bytes / 1e9).toFixed(1);
}

function machineBytes(): number {
  const limit = constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
