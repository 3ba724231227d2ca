// What the N150 model will need of this machine for a checkpoint: told by doctor before a run.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import { DEFAULT_N150_CONFIG } from '../../src/device/n150/recipes.ts';
import { planWeights, type WeightPlan } from '../../src/device/n150/weight-cache/memory-plan.ts';
import { weightUnits } from '../../src/device/n150/weight-cache/weight-units.ts';

/** The run that the estimate is for: the original demo's prompt and its decode iterations. */
export const ESTIMATED_POSITIONS = 248;

/**
 * Multiplications and additions per second and thread of tier fast, whole feeds of 64 positions, attention and norms included.
 * Source: four layers of Qwen2-7B with its lm_head, 1.48e9 weights, streamed: 4.82 s on 2 threads of a 2-core machine.
 */
const FAST_TIER_FLOPS_PER_THREAD = 20e9;

export interface DevicePlan extends WeightPlan {
  /** Of the weight cache, as it lies on disk now; 0 without one. */
  readonly cachedBytes: number;
  /** Of ESTIMATED_POSITIONS through the default device, weights packed already. */
  readonly estimatedSeconds: number;
}

export interface DevicePlanOptions {
  readonly memoryBytes: number | undefined;
  readonly cacheFolder: string | undefined;
  readonly threads: number | undefined;
}

export function planDevice(checkpoint: Checkpoint, options: DevicePlanOptions): DevicePlan {
  const { memoryBytes, cacheFolder, threads } = options;
  const units = weightUnits(checkpoint, DEFAULT_N150_CONFIG);
  const weights = units.flat().reduce((sum, { k, n }) => sum + k * n, 0);
  const flopsPerSecond = FAST_TIER_FLOPS_PER_THREAD * (threads ?? availableParallelism());
  return {
    ...planWeights(units, memoryBytes),
    cachedBytes: cacheFolder === undefined ? 0 : folderBytes(cacheFolder),
    estimatedSeconds: (2 * weights * ESTIMATED_POSITIONS) / flopsPerSecond,
  };
}

function folderBytes(folder: string): number {
  if (!existsSync(folder)) return 0;
  return readdirSync(folder)
    .filter((name) => name.endsWith('.bin'))
    .reduce((sum, name) => sum + (statSync(path.join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}
