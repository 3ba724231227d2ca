// The device packer's conversion of sixteen bfloat16 values of Dst to BFP8_B or BFP4_B.
// Source: n150-numerics A.4, section I (BFP4_B by typecast: bits of the BFP8_B magnitude dropped).
// Exactness: bit-exact against 2000 groups of the simulator, with and without double rounding.
import { BLOCK_LENGTH } from './block-float.ts';

/** A.4 step 1: to 6 mantissa bits, half up in magnitude; may carry into the exponent. */
function roundToSixMantissaBits(pattern: number): number {
  return (pattern + 1) & 0xfffe;
}

/**
 * Packs one group to BFP8_B.
 *
 * @param patterns - [16] bfloat16 patterns. Not modified.
 * @param doubleRound - whether the packer's source format is Bfp8_b, which rounds once more beforehand (A.4 step 1).
 * @param out - [16] receives sign (bit 7) and magnitude (bits 6 … 0); minus zero is never written.
 * @returns the shared exponent.
 */
export function packDeviceBlock(patterns: Uint16Array, doubleRound: boolean, out: Uint8Array): number {
  let sharedExponent = 0;
  for (let i = 0; i < BLOCK_LENGTH; i++) {
    const pattern = doubleRound ? roundToSixMantissaBits(patterns[i]!) : patterns[i]!;
    const exponent = (pattern >>> 7) & 0xff;
    if (exponent > sharedExponent) sharedExponent = exponent;
  }
  for (let i = 0; i < BLOCK_LENGTH; i++) {
    const pattern = doubleRound ? roundToSixMantissaBits(patterns[i]!) : patterns[i]!;
    const exponent = (pattern >>> 7) & 0xff;
    const shift = sharedExponent - exponent;
    const significand = (exponent === 0 ? 0 : 0x80) | (pattern & 0x7f);
    const magnitude = shift >= 8 ? 0 : Math.min((significand + (1 << shift)) >> (shift + 1), 127);
    out[i] = magnitude === 0 ? 0 : ((pattern >>> 15) << 7) | magnitude;
  }
  return sharedExponent;
}

/** Cuts BFP8_B bytes to BFP4_B nibbles in place (sign in bit 3): the low four magnitude bits are dropped. */
export function cutBfp8ToBfp4(bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) {
    const magnitude = (bytes[i]! & 0x7f) >>> 4;
    bytes[i] = magnitude === 0 ? 0 : ((bytes[i]! >>> 7) << 3) | magnitude;
  }
}
