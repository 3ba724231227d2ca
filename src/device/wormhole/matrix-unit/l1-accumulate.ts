// The packer's L1 accumulation: what is packed is added to what already lies in L1.
// Source: n150-numerics A.2 (BF16: float32 add, nearest even; FP32: plain float32 add).
// Exactness: bit-exact.
import { bf16FromFloat32Bits } from '../../../numerics/bf16.ts';
import { bitsOf } from '../../../numerics/float-bits.ts';

/**
 * Adds bfloat16 values in place, rounding each sum to bfloat16, ties to even.
 *
 * @param inL1 - bfloat16 values; receives the sums.
 * @param packed - bfloat16 values, same length.
 */
export function l1AccumulateBf16(inL1: Float32Array, packed: Float32Array): void {
  const bits = bitsOf(inL1);
  for (let i = 0; i < inL1.length; i++) {
    inL1[i] = inL1[i]! + packed[i]!;
    bits[i] = bf16FromFloat32Bits(bits[i]!) << 16;
  }
}

/** Adds float32 values in place. */
export function l1AccumulateFp32(inL1: Float32Array, packed: Float32Array): void {
  for (let i = 0; i < inL1.length; i++) inL1[i] = inL1[i]! + packed[i]!;
}
