// The host's packing of sixteen float32 values to BFP8_B or BFP4_B: weights, bias, an initial KV cache.
// Source: n150-numerics A.3; rounding `halfUp` until January 2025, `nearestEven` since (denormals count as zero).
// Exactness: bit-exact against 80 tiles packed by ttnn 0.81.1 (nearestEven).
import { BLOCK_LENGTH, type BlockFormat, MAGNITUDE_BITS } from './block-float.ts';

export const HOST_BFP_ROUNDINGS = ['halfUp', 'nearestEven'] as const;
export type HostBfpRounding = (typeof HOST_BFP_ROUNDINGS)[number];

/**
 * Packs one group.
 *
 * @param bits - [16] float32 bit patterns. Exponent 255 is an exponent like any other; denormals count as zero.
 * @param format - its magnitude bits sit below the sign bit in `out`.
 * @param out - [16] receives sign and magnitude: BFP8_B in bits 7 … 0, BFP4_B in bits 3 … 0.
 * @returns the shared exponent.
 */
export function packHostBlock(
  bits: Uint32Array,
  format: BlockFormat,
  rounding: HostBfpRounding,
  out: Uint8Array,
): number {
  let sharedExponent = 0;
  for (let i = 0; i < BLOCK_LENGTH; i++) {
    const exponent = (bits[i]! >>> 23) & 0xff;
    if (exponent > sharedExponent) sharedExponent = exponent;
  }
  const magnitudeBits = MAGNITUDE_BITS[format];
  const largest = (1 << magnitudeBits) - 1;
  const dropped = 24 - magnitudeBits;
  const half = 1 << (dropped - 1);
  const tiesToEven = rounding === 'nearestEven';
  for (let i = 0; i < BLOCK_LENGTH; i++) {
    const exponent = (bits[i]! >>> 23) & 0xff;
    const shift = sharedExponent - exponent;
    if (exponent === 0 || shift > 23) {
      out[i] = 0;
      continue;
    }
    // What falls out in this shift is gone: it does not break a tie below.
    const aligned = (0x0080_0000 | (bits[i]! & 0x007f_ffff)) >>> shift;
    const nudge = tiesToEven ? half - 1 + ((aligned >>> dropped) & 1) : half;
    const magnitude = Math.min((aligned + nudge) >>> dropped, largest);
    out[i] = magnitude === 0 ? 0 : ((bits[i]! >>> 31) << magnitudeBits) | magnitude;
  }
  return sharedExponent;
}
