// BFP8_B and BFP4_B data: sixteen neighbours share an 8-bit exponent, each keeps a sign and a magnitude.
// Source: n150-numerics A.1 (magnitude without hidden bit: value = magnitude / 2^6 or 2^2, times 2^(E - 127)).
// Exactness: bit-exact, all 65,536 BFP8_B data as the unpacker gives them.

/** Neighbours along the last dimension that share an exponent. */
export const BLOCK_LENGTH = 16;

export const BLOCK_FORMATS = ['BFP8_B', 'BFP4_B'] as const;
export type BlockFormat = (typeof BLOCK_FORMATS)[number];

/** Bits of magnitude beside the sign bit. */
export const MAGNITUDE_BITS: Readonly<Record<BlockFormat, 7 | 3>> = { BFP8_B: 7, BFP4_B: 3 };

/**
 * The unpacker: one BFP8_B datum to bfloat16.
 *
 * @param sharedExponent - 0 … 255.
 * @param byte - sign in bit 7, magnitude in bits 6 … 0.
 * @returns bfloat16 pattern. The exponent wraps modulo 256 when the shared one is tiny; byte 0x80, which no packer
 *   writes, gives minus infinity.
 */
export function bf16FromBfp8(sharedExponent: number, byte: number): number {
  const magnitude = byte & 0x7f;
  const sign = (byte & 0x80) << 8;
  if (magnitude === 0) return sign === 0 ? 0 : 0xff80;
  const shift = Math.clz32(magnitude) - 25;
  return sign | (((sharedExponent - shift) & 0xff) << 7) | (((magnitude << shift) & 0x3f) << 1);
}

/** One BFP4_B datum (sign in bit 3, magnitude in bits 2 … 0) to bfloat16; otherwise as {@link bf16FromBfp8}. */
export function bf16FromBfp4(sharedExponent: number, nibble: number): number {
  return bf16FromBfp8(sharedExponent, (nibble & 0xf) << 4);
}
