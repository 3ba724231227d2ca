// Element-wise operations of the graph over whole rows: by an engine that has kernels for these knobs, else one by one.
// Exactness: the bits of eltwise.ts either way.
import type { DeviceEngine } from '../../wormhole/attention-engine.ts';
import { PHASE_COUNT } from '../../wormhole/fidelity.ts';
import type { MathFidelity } from '../../wormhole/matmul-engine.ts';
import type { N150Config } from '../compute-config.ts';
import { createAdd, createMultiply, multiplyOnVectorUnit } from './eltwise.ts';

/** Changes [rows, N] in place by [N], or by as many values. */
export type RowOp = (target: Float32Array, other: Float32Array) => void;

/** target += term, each row of it. */
export function createAddRows(engine: DeviceEngine, config: Pick<N150Config, 'tier' | 'eltwiseRounding'>): RowOp {
  if (engine.addRows !== undefined && config.tier !== 'fp32' && config.eltwiseRounding === 'hw') {
    return (target, term) => engine.addRows!(target, term);
  }
  const add = createAdd(config);
  return (target, term) => {
    for (let start = 0; start < target.length; start += term.length) {
      for (let i = 0; i < term.length; i++) target[start + i] = add(target[start + i]!, term[i]!);
    }
  };
}

type ProductKnobs = Pick<N150Config, 'tier' | 'eltwiseMul'>;

/** target *= factor, of as many values: on the matrix unit with the target in SrcA, or on the vector unit. */
export function createMultiplyRows(engine: DeviceEngine, config: ProductKnobs, fidelity: MathFidelity): RowOp {
  const isOnMatrixUnit = config.eltwiseMul === 'matrixUnit';
  if (engine.multiplyRows !== undefined && config.tier !== 'fp32' && isOnMatrixUnit) {
    return (target, factor) => engine.multiplyRows!(target, factor, PHASE_COUNT[fidelity]);
  }
  const multiply = config.tier === 'fp32' || isOnMatrixUnit ? createMultiply(config, fidelity) : multiplyOnVectorUnit;
  return (target, factor) => {
    for (let i = 0; i < target.length; i++) target[i] = multiply(target[i]!, factor[i]!);
  };
}
