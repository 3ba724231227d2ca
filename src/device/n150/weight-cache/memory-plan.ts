// Whether a checkpoint's packed weights stay in memory or pass through it layer by layer.
import { availableMemory } from '../../../machine.ts';
import { unitBytes, type WeightUnit } from './weight-units.ts';

/** Part of the available memory that weights may take when no budget is given. */
const BUDGET_SHARE = 0.7;

export interface WeightPlan {
  readonly mode: 'resident' | 'streamed';
  /** All packed matrices: also the size of the weight cache, headers aside. */
  readonly packedBytes: number;
  /** Packed weights in memory at once: all of them, or the two largest neighbours. */
  readonly memoryBytes: number;
  /** The largest unit: what is in memory at once of weights that are packed each time. */
  readonly unitBytes: number;
  /** The largest matrix: what the packer holds beside it. */
  readonly matrixBytes: number;
  readonly budgetBytes: number;
}

/** @param budgetBytes - 70 % of what this process may still have without it. */
export function planWeights(units: readonly WeightUnit[], budgetBytes: number = defaultBudget()): WeightPlan {
  const sizes = units.map(unitBytes);
  const packedBytes = sizes.reduce((sum, bytes) => sum + bytes, 0);
  const largest = {
    unitBytes: Math.max(...sizes),
    matrixBytes: Math.max(...units.flat().map((recipe) => unitBytes([recipe]))),
  };
  if (packedBytes <= budgetBytes) {
    return { mode: 'resident', packedBytes, memoryBytes: packedBytes, ...largest, budgetBytes };
  }
  const neighbours = sizes.map((bytes, i) => bytes + (i + 1 < sizes.length ? sizes[i + 1]! : 0));
  return { mode: 'streamed', packedBytes, memoryBytes: Math.max(...neighbours), ...largest, budgetBytes };
}

/** What packed weights may take when nobody says, bytes. */
export function defaultBudget(): number {
  return Math.floor(availableMemory() * BUDGET_SHARE);
}
