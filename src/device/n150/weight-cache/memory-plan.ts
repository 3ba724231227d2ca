// Whether a checkpoint's packed weights stay in memory or pass through it layer by layer.
import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { unitBytes, type WeightUnit } from './weight-units.ts';

/** Part of the free memory that weights may take when no budget is given. */
const BUDGET_SHARE = 0.7;

export interface WeightPlan {
  readonly mode: 'resident' | 'streamed';
  /** All packed matrices: also the size of the weight cache, headers aside. */
  readonly packedBytes: number;
  /** Packed weights in memory at once: all of them, or the two largest neighbours. */
  readonly memoryBytes: number;
  readonly budgetBytes: number;
}

/** @param budgetBytes - 70 % of what the machine has free without it. */
export function planWeights(units: readonly WeightUnit[], budgetBytes: number = defaultBudget()): WeightPlan {
  const sizes = units.map(unitBytes);
  const packedBytes = sizes.reduce((sum, bytes) => sum + bytes, 0);
  if (packedBytes <= budgetBytes) {
    return { mode: 'resident', packedBytes, memoryBytes: packedBytes, budgetBytes };
  }
  const neighbours = sizes.map((bytes, i) => bytes + (i + 1 < sizes.length ? sizes[i + 1]! : 0));
  return { mode: 'streamed', packedBytes, memoryBytes: Math.max(...neighbours), budgetBytes };
}

function defaultBudget(): number {
  return Math.floor(availableMemory() * BUDGET_SHARE);
}

/** What can be had without swapping: page cache counts as free, where the system tells. */
function availableMemory(): number {
  try {
    const kibibytes = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1];
    return kibibytes === undefined ? freemem() : Number(kibibytes) * 1024;
  } catch {
    return freemem();
  }
}
