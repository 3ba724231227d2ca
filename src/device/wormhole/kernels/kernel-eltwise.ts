// Element-wise additions and products of whole rows on the kernels' memory, by the calling thread.
import type { EltwiseEngine } from '../eltwise-engine.ts';
import type { KernelPool } from './kernel-pool.ts';

/** Elements that one instruction takes. */
const LANES = 4;

export function createKernelEltwise(pool: KernelPool): EltwiseEngine {
  const [{ heap, kernels }] = pool.banks;

  /** Hands over copies of both, rows padded to `padded` elements, and brings the target's back. */
  function onHeap(
    target: Float32Array,
    other: Float32Array,
    width: number,
    compute: (target: number, other: number, padded: number) => void,
  ): void {
    if (target.length === 0) return;
    const padded = Math.ceil(width / LANES) * LANES;
    const rows = target.length / width;
    const regions = heap.allocateEach([rows * padded * 4, (other.length / width) * padded * 4]);
    const [first, second] = regions as [number, number];
    try {
      const copy = heap.floats(first, rows * padded);
      if (padded === width) copy.set(target);
      else for (let row = 0; row < rows; row++) copy.set(rowOf(target, row, width), row * padded);
      heap.floats(second, other.length).set(other);
      compute(first, second, padded);
      if (padded === width) target.set(copy);
      else for (let row = 0; row < rows; row++) target.set(rowOf(copy, row, padded).subarray(0, width), row * width);
    } finally {
      for (const region of regions) heap.free(region);
    }
  }

  return {
    addRows(target, term) {
      const rows = target.length / term.length;
      onHeap(target, term, term.length, (at, from, padded) => kernels.addRows(at, from, rows, padded));
    },
    multiplyRows(target, factor, phases) {
      onHeap(target, factor, target.length, (at, from, padded) => kernels.multiplyRows(at, from, padded, phases));
    },
  };
}

function rowOf(values: Float32Array, row: number, width: number): Float32Array {
  return values.subarray(row * width, (row + 1) * width);
}
