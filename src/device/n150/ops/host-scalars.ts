// Scalars that the host hands to kernels: attention scale, epsilon, reduce scalers, in the rounding of the era.
// Source: n150-numerics A.2 (the C++ type bfloat16 truncated in 2024, rounds to nearest even since).
import { roundToBf16TiesEven, truncateToBf16 } from '../../../numerics/bf16.ts';
import type { N150Config } from '../compute-config.ts';

/** `value` as a kernel gets it. */
export function hostScalar(value: number, config: N150Config): number {
  if (config.tier === 'fp32' || config.scaleBits === 'fp32') return Math.fround(value);
  return config.scaleBits === 'bf16Truncated' ? truncateToBf16(value) : roundToBf16TiesEven(value);
}
