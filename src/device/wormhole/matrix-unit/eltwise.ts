// ELWMUL, ELWADD and ELWSUB of the matrix unit, one element at a time.
// Source: n150-numerics B.5. Operand 0 goes to SrcA, operand 1 to SrcB.
// Exactness: bit-exact against 8000 steps of the simulator.
import { accumulate } from './accumulate.ts';
import { type MvmulOptions, productExponent, productMagnitude } from './mvmul.ts';

/**
 * Dst plus one product, for one phase; nothing is grouped.
 *
 * @param a - float32 bit pattern cut to tf32 (SrcA).
 * @param b - float32 bit pattern cut to tf32 (SrcB).
 * @param dstBits - float32 bit pattern of Dst before; a 16-bit Dst is widened.
 * @returns float32 bit pattern of Dst after, as a signed 32-bit integer.
 */
export function elwmul(a: number, b: number, dstBits: number, options: MvmulOptions): number {
  const exponent = productExponent(a, b, options.phase);
  const magnitude = productMagnitude(a, b, options.phase);
  const sum = ((a ^ b) | 0) < 0 ? -magnitude : magnitude;
  return accumulate(dstBits | 0, exponent, sum, 0, 0, options.fp32DestAcc);
}

/** Smaller significands shifted further than this contribute nothing. */
const LARGEST_ADD_SHIFT = 11;

/**
 * Dst plus (a + b). Operand bits are not cut by fidelity.
 *
 * @param dstBits - float32 bit pattern of Dst before; 0 unless the instruction accumulates.
 * @returns float32 bit pattern of Dst after, as a signed 32-bit integer.
 */
export function elwadd(a: number, b: number, dstBits: number, fp32DestAcc: boolean): number {
  const magnitudeA = (a & 0x7f80_0000) === 0 ? 0 : a & 0x7fff_e000;
  const magnitudeB = (b & 0x7f80_0000) === 0 ? 0 : b & 0x7fff_e000;
  const isALarger = magnitudeA >= magnitudeB;
  const larger = isALarger ? magnitudeA : magnitudeB;
  const smaller = isALarger ? magnitudeB : magnitudeA;
  if (larger === 0) return accumulate(dstBits | 0, 0, 0, 0, 0, fp32DestAcc);

  const exponent = larger >>> 23;
  const distance = exponent - (smaller >>> 23);
  const significand = 0x400 | ((smaller >>> 13) & 0x3ff);
  const aligned =
    smaller === 0 || distance > LARGEST_ADD_SHIFT ? 0 : (2 * significand + (1 << distance)) >> (distance + 1);
  const isOpposite = ((a ^ b) | 0) < 0;
  const magnitude = (0x400 | ((larger >>> 13) & 0x3ff)) + (isOpposite ? -aligned : aligned);
  const isNegative = ((isALarger ? a : b) | 0) < 0;
  return accumulate(dstBits | 0, exponent, isNegative ? -magnitude : magnitude, 0, 0, fp32DestAcc);
}

/** Dst plus (a - b); otherwise as {@link elwadd}. */
export function elwsub(a: number, b: number, dstBits: number, fp32DestAcc: boolean): number {
  return elwadd(a, (b ^ 0x8000_0000) >>> 0, dstBits, fp32DestAcc);
}
