// The rotation matrix that the demo's device steps on by itself: R(position) = R(1) R(position - 1), a matmul in BF16.
// Source: n150-numerics F.1 (`ttnn.linear` without a kernel config: HiFi2, 16-bit Dst, the step is operand 0).
// Exactness: the upper half of R by the arithmetic of `createRotate`; its lower half, which the device adds in another order, is
// taken as the mirror image.
import type { N150Config } from '../compute-config.ts';
import { createRotate } from './rotary.ts';
import { type RotaryFrequencies, writeRotaryTables } from './rotary-tables.ts';

/** Writes the tables of one position, [D/2] each, as `writeRotaryTables` does. */
export type SteppedTables = (position: number, cosines: Float32Array, sines: Float32Array) => void;

/** @param headDim - D, even. */
export function createSteppedTables(
  headDim: number,
  frequencies: RotaryFrequencies,
  config: N150Config,
): SteppedTables {
  const half = headDim / 2;
  const isFloat32 = config.tier === 'fp32';
  const multiply = createRotate(headDim, { ...config, ropeFidelity: 'HiFi2' });
  // Row i < D/2 of R has a cosine at i and a sine at i + D/2. All these rows are multiplied at once: no column meets two of them.
  const step = new Float32Array(headDim);
  writeRotaryTables({ ...frequencies, tableFactor: 1 }, 1, isFloat32, step.subarray(0, half), step.subarray(half));
  return (position, cosines, sines) => {
    writeRotaryTables(frequencies, position - 1, isFloat32, cosines, sines);
    const product = step.slice();
    multiply(product, 0, cosines, sines);
    cosines.set(product.subarray(0, half));
    sines.set(product.subarray(half));
  };
}
