// Math fidelity: which bits of SrcA and SrcB the multiplier sees in which phase.
// Source: n150-numerics B.2. A significand has 11 bits, bit 10 the hidden one.
// Exactness: bit-exact.
import type { MathFidelity } from './matmul-engine.ts';

/** Phases run one after the other, each adding into Dst. */
export const PHASE_COUNT: Readonly<Record<MathFidelity, 1 | 2 | 3 | 4>> = { LoFi: 1, HiFi2: 2, HiFi3: 3, HiFi4: 4 };

/** Significand (11 bits, hidden one set) of a float32 bit pattern cut to tf32; the caller knows exponent != 0. */
export function significand11(bits: number): number {
  return 0x400 | ((bits >>> 13) & 0x3ff);
}

/** The 5 bits of SrcA's significand seen in `phase`: bits 10 … 6, or 5 … 1. */
export function partOfSrcA(significand: number, phase: number): number {
  return (phase & 1) === 0 ? significand >>> 6 : (significand >>> 1) & 0x1f;
}

/** The 7 bits of SrcB's significand seen in `phase`: bits 10 … 4, or 3 … 0 shifted left 3. */
export function partOfSrcB(significand: number, phase: number): number {
  return (phase & 2) === 0 ? significand >>> 4 : (significand & 0xf) << 3;
}

/** What is added to the sum of both exponent fields in `phase`. */
export function exponentAdjustment(phase: number): number {
  return -127 - ((phase & 1) === 0 ? 0 : 5) - ((phase & 2) === 0 ? 0 : 7);
}
