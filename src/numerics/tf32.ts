// tf32: float32 with the mantissa cut to 10 bits, the 19-bit form of the Src registers.
// Source: n150-numerics A.1, A.2 (unpacker float32 -> Src, MOVD2A, MOVD2B).
// Exactness: bit-exact.
import { float32Bits, float32FromBits } from './float-bits.ts';

/** Drops the low 13 bits of a float32 bit pattern; the result is a float32 bit pattern too. */
export function tf32FromFloat32Bits(bits: number): number {
  return (bits & 0xffff_e000) >>> 0;
}

/** `value` cut to tf32 toward zero, as a number. */
export function truncateToTf32(value: number): number {
  return float32FromBits(float32Bits(value) & 0xffff_e000);
}
