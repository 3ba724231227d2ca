// Element-wise ops of the matrix unit over whole rows, both widths of Dst: sums, differences, products.
// Source: n150-numerics B.5.
// Exactness: bit-exact.
import { ShapeError } from '../../../errors.ts';
import { bitsOf } from '../../../numerics/float-bits.ts';
import { PHASE_COUNT } from '../fidelity.ts';
import type { MathFidelity } from '../matmul-engine.ts';
import { elwadd, elwmul, elwsub } from './eltwise.ts';

export interface EltwiseOptions {
  readonly fp32DestAcc: boolean;
}

export interface MultiplyOptions extends EltwiseOptions {
  readonly mathFidelity: MathFidelity;
}

/**
 * a + b as ELWADD does it.
 *
 * @param a - [rows, N] float32 holding bfloat16 (or tf32) values, operand 0.
 * @param b - [rows, N] likewise, or one row [N] that is added to every row (bias).
 * @returns [rows, N] Dst values: bfloat16, or float32 with a 32-bit Dst; a fresh array.
 * @throws ShapeError if b is neither as long as a nor a whole fraction of it.
 */
export function addRows(a: Float32Array, b: Float32Array, options: EltwiseOptions): Float32Array {
  const { fp32DestAcc } = options;
  return mapPairs(a, b, (x, y) => elwadd(x, y, 0, fp32DestAcc));
}

/** a - b as ELWSUB does it; otherwise as {@link addRows}. */
export function subRows(a: Float32Array, b: Float32Array, options: EltwiseOptions): Float32Array {
  const { fp32DestAcc } = options;
  return mapPairs(a, b, (x, y) => elwsub(x, y, 0, fp32DestAcc));
}

/** a * b as ELWMUL does it, one Dst update per fidelity phase; a is SrcA, b is SrcB. Otherwise as {@link addRows}. */
export function mulRows(a: Float32Array, b: Float32Array, options: MultiplyOptions): Float32Array {
  const { fp32DestAcc, mathFidelity } = options;
  const steps = Array.from({ length: PHASE_COUNT[mathFidelity] }, (_, phase) => ({ phase, fp32DestAcc }));
  return mapPairs(a, b, (x, y) => {
    let dst = 0;
    for (const step of steps) dst = elwmul(x, y, dst, step);
    return dst;
  });
}

function mapPairs(a: Float32Array, b: Float32Array, combine: (x: number, y: number) => number): Float32Array {
  requireRows(a, b);
  const result = new Float32Array(a.length);
  const resultBits = bitsOf(result);
  const aBits = bitsOf(a);
  const bBits = bitsOf(b);
  for (let i = 0, j = 0; i < aBits.length; i++) {
    resultBits[i] = combine(aBits[i]!, bBits[j]!);
    if (++j === bBits.length) j = 0;
  }
  return result;
}

function requireRows(a: Float32Array, b: Float32Array): void {
  if (b.length > 0 && a.length % b.length === 0) return;
  throw new ShapeError('The operands of an element-wise op do not fit.', {
    code: 'ELTWISE_SHAPE',
    facts: { 'operand 0': a.length, 'operand 1': b.length, wanted: 'equal lengths, or operand 1 one row of operand 0' },
    hint: 'pass [rows, N] and [rows, N] or [N]',
  });
}
