// How the weights of a lab share memory: the device's own, a healthy one's where it is another, and exact ones; resident, streamed, or not there.
import type { WeightPlan } from '../../src/device/n150/weight-cache/memory-plan.ts';

/** Of a set as it would be streamed: all of it, and what is in memory at once. */
export type SetSizes = Pick<WeightPlan, 'packedBytes' | 'memoryBytes' | 'unitBytes' | 'matrixBytes'>;

export interface LabSizes {
  /** The device's, and a healthy one's unless they are the same: each layer is read ahead from the weight cache when it is streamed. */
  readonly packed: readonly SetSizes[];
  /** In full precision: packed anew for each pass when they do not stay, since no cache has them. */
  readonly exact: SetSizes;
  readonly budgetBytes: number;
  /** Whether there is a weight cache to stream from. */
  readonly hasCache: boolean;
}

export interface LabPlan {
  /** Of the packed sets. */
  readonly packed: 'resident' | 'streamed';
  /** `none`: what needs exact matrices is not tried. */
  readonly exact: 'resident' | 'eachTime' | 'none';
  /** Matrices in memory at once. */
  readonly memoryBytes: number;
  /** Room of the packer beside them, where exact matrices are packed in each pass. */
  readonly packingBytes: number;
  readonly budgetBytes: number;
  readonly hasCache: boolean;
  /** Least budget with which exact matrices would be there. */
  readonly exactNeedsBytes: number;
}

/** Streams rather than goes without: only where not even a layer of each set fits beside the others are exact matrices left out. */
export function planLab({ packed, exact, budgetBytes, hasCache }: LabSizes): LabPlan {
  const total = (of: (sizes: SetSizes) => number): number => packed.reduce((sum, sizes) => sum + of(sizes), 0);
  const resident = total(({ packedBytes }) => packedBytes);
  const streamed = total(({ memoryBytes }) => memoryBytes);
  const exactNeedsBytes = (hasCache ? Math.min(resident, streamed) : resident) + exact.unitBytes;
  const choices: readonly Pick<LabPlan, 'packed' | 'exact' | 'memoryBytes'>[] = [
    { packed: 'resident', exact: 'resident', memoryBytes: resident + exact.packedBytes },
    { packed: 'resident', exact: 'eachTime', memoryBytes: resident + exact.unitBytes },
    ...(hasCache ? [{ packed: 'streamed', exact: 'eachTime', memoryBytes: streamed + exact.unitBytes } as const] : []),
    { packed: 'resident', exact: 'none', memoryBytes: resident },
  ];
  const least = { packed: hasCache ? 'streamed' : 'resident', exact: 'none', memoryBytes: streamed } as const;
  const choice = choices.find(({ memoryBytes }) => memoryBytes <= budgetBytes) ?? least;
  const packingBytes = choice.exact === 'eachTime' ? exact.matrixBytes : 0;
  return { ...choice, packingBytes, budgetBytes, hasCache, exactNeedsBytes };
}
