// One MVMUL: a Dst element plus the 16-deep product of a SrcB row and a SrcA column, for one fidelity phase.
// Source: n150-numerics B.3.
// Exactness: bit-exact against 8000 steps of the simulator.
import { exponentAdjustment, partOfSrcA, partOfSrcB, significand11 } from '../fidelity.ts';
import { accumulate } from './accumulate.ts';

/** Lanes whose products share an exponent before they are summed. */
export const GROUP_LANES = 8;
export const MVMUL_LANES = 16;

export interface MvmulOptions {
  /** Fidelity phase, 0 … 3. */
  readonly phase: number;
  readonly fp32DestAcc: boolean;
}

/**
 * @param srcA - [16] float32 bit patterns cut to tf32 (weights in a matmul).
 * @param srcB - [16] float32 bit patterns cut to tf32 (activations in a matmul).
 * @param dstBits - float32 bit pattern of Dst before; a 16-bit Dst is widened.
 * @returns float32 bit pattern of Dst after, as a signed 32-bit integer.
 */
export function mvmul(srcA: Uint32Array, srcB: Uint32Array, dstBits: number, options: MvmulOptions): number {
  const { phase, fp32DestAcc } = options;
  const low = groupOf(srcA, srcB, 0, phase);
  const high = groupOf(srcA, srcB, GROUP_LANES, phase);
  return accumulate(dstBits | 0, low.exponent, low.sum, high.exponent, high.sum, fp32DestAcc);
}

interface GroupSum {
  readonly exponent: number;
  readonly sum: number;
}

const ZERO_GROUP: GroupSum = { exponent: 0, sum: 0 };

/** Eight products aligned to the largest exponent among them, half rounded up in magnitude, and summed. */
function groupOf(srcA: Uint32Array, srcB: Uint32Array, first: number, phase: number): GroupSum {
  let exponent = 0;
  for (let lane = first; lane < first + GROUP_LANES; lane++) {
    exponent = Math.max(exponent, productExponent(srcA[lane]!, srcB[lane]!, phase));
  }
  if (exponent <= 0) return ZERO_GROUP;
  let sum = 0;
  for (let lane = first; lane < first + GROUP_LANES; lane++) {
    const a = srcA[lane]!;
    const b = srcB[lane]!;
    const distance = Math.min(exponent - productExponent(a, b, phase), 30);
    const aligned = (2 * productMagnitude(a, b, phase) + (1 << distance)) >> (distance + 1);
    sum += ((a ^ b) | 0) < 0 ? -aligned : aligned;
  }
  return { exponent, sum };
}

function isZero(bits: number): boolean {
  return (bits & 0x7f80_0000) === 0;
}

/** Biased exponent of a product; a lane counts with it even when its product is small. Zero operands give 0. */
export function productExponent(a: number, b: number, phase: number): number {
  if (isZero(a) || isZero(b)) return 0;
  return ((a >>> 23) & 0xff) + ((b >>> 23) & 0xff) + exponentAdjustment(phase);
}

/** Product of the parts that the multiplier sees: at most 12 bits, 10 of them fraction. Denormals are zero. */
export function productMagnitude(a: number, b: number, phase: number): number {
  if (isZero(a) || isZero(b)) return 0;
  return partOfSrcA(significand11(a), phase) * partOfSrcB(significand11(b), phase);
}
