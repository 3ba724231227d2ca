// The packer: what leaves Dst for L1, value by value and, for BFP8_B, sixteen neighbours at a time.
// Source: n150-numerics A.2, A.4 and section I.
// Exactness: bit-exact.
import { ShapeError } from '../../errors.ts';
import { bf16TiesAwayFromFloat32Bits, bf16TruncatedFromFloat32Bits } from '../../numerics/bf16.ts';
import { BLOCK_LENGTH, bf16FromBfp4, bf16FromBfp8 } from '../../numerics/block-float.ts';
import { cutBfp8ToBfp4, packDeviceBlock } from '../../numerics/block-float-device.ts';
import { bitsOf } from '../../numerics/float-bits.ts';

/**
 * One bfloat16 of a 16-bit Dst to BF16: NaN becomes infinity, denormals and minus zero become plus zero.
 *
 * @returns bfloat16 pattern.
 */
export function packBf16(pattern: number): number {
  const exponent = pattern & 0x7f80;
  if (exponent === 0) return 0;
  return exponent === 0x7f80 ? pattern & 0xff80 : pattern;
}

/** One float32 bit pattern of a 32-bit Dst to BF16: nearest, ties away; specials as {@link packBf16}. */
export function packBf16FromFloat32Bits(bits: number): number {
  return packBf16(bf16TiesAwayFromFloat32Bits(bits));
}

/** Packs a row of a 16-bit Dst to BF16 in place. `values` holds bfloat16 values. */
export function packRowToBf16(values: Float32Array): void {
  const bits = bitsOf(values);
  for (let i = 0; i < bits.length; i++) bits[i] = packBf16(bits[i]! >>> 16) << 16;
}

/** Packs a row of a 32-bit Dst to BF16 in place (ties away). */
export function packFloat32RowToBf16(values: Float32Array): void {
  const bits = bitsOf(values);
  for (let i = 0; i < bits.length; i++) bits[i] = packBf16FromFloat32Bits(bits[i]!) << 16;
}

export interface BlockPackOptions {
  readonly format: 'BFP8_B' | 'BFP4_B';
  /** A.4 step 1, present when the packer's source format is Bfp8_b. */
  readonly doubleRound: boolean;
}

/**
 * Packs rows to a block format and unpacks them again, in place: the values that the next reader sees.
 *
 * @param values - any number of rows, each a multiple of 16 long. What lies below bfloat16 (a 32-bit Dst) is cut first.
 * @throws ShapeError if the length is not a multiple of 16.
 */
export function packRowsToBlockFloat(values: Float32Array, options: BlockPackOptions): void {
  if (values.length % BLOCK_LENGTH !== 0) {
    throw new ShapeError('Rows to pack to a block format must be whole groups.', {
      code: 'BLOCK_LENGTH',
      facts: { found: values.length, wanted: `a multiple of ${BLOCK_LENGTH}` },
      hint: 'pad the rows with zeros',
    });
  }
  const bits = bitsOf(values);
  const patterns = new Uint16Array(BLOCK_LENGTH);
  const bytes = new Uint8Array(BLOCK_LENGTH);
  const isBfp4 = options.format === 'BFP4_B';
  for (let start = 0; start < bits.length; start += BLOCK_LENGTH) {
    for (let i = 0; i < BLOCK_LENGTH; i++) patterns[i] = bf16TruncatedFromFloat32Bits(bits[start + i]!);
    const exponent = packDeviceBlock(patterns, options.doubleRound, bytes);
    if (isBfp4) cutBfp8ToBfp4(bytes);
    for (let i = 0; i < BLOCK_LENGTH; i++) {
      bits[start + i] = (isBfp4 ? bf16FromBfp4(exponent, bytes[i]!) : bf16FromBfp8(exponent, bytes[i]!)) << 16;
    }
  }
}
