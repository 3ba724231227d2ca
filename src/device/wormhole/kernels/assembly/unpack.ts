// The unpacker: one K tile of a column panel from packed tiles to float32 values [32, 64] in a worker's scratch.
import { FORMAT_BF16, FORMAT_BFP8, PANEL_COLUMNS } from '../job-layout';
import { EMPTY_MAXIMUM, EMPTY_MINIMUM, lessOne, rangeOfFields, rangeOfMagnitudes, unionOf } from './exponent-range';

export const EXPONENT_BYTES: usize = 64;
const BFP8_TILE_BYTES: usize = 1088;
const BFP4_TILE_BYTES: usize = 576;
const BF16_TILE_BYTES: usize = 2048;
/** Below this shared exponent a normalised datum's exponent wraps modulo 256. */
const SMALLEST_PLAIN_EXPONENT: i32 = 7;
export const LARGEST_PLAIN_EXPONENT: i32 = 254;
/** A shared exponent less the field of its smallest magnitude, 1. */
export const MAGNITUDE_BITS: i32 = 6;

// @ts-ignore: decorator
@inline
export function tileBytes(format: i32): usize {
  return format == FORMAT_BF16 ? BF16_TILE_BYTES : format == FORMAT_BFP8 ? BFP8_TILE_BYTES : BFP4_TILE_BYTES;
}

/** One datum, tiny exponents and byte 0x80 included (float32 bits). */
function bitsFromBfp8(sharedExponent: i32, byte: i32): u32 {
  const magnitude = byte & 0x7f;
  const sign = <u32>(byte & 0x80) << 24;
  if (magnitude == 0) return sign == 0 ? 0 : 0xff800000;
  const shift = clz(magnitude) - 25;
  return sign | (<u32>((sharedExponent - shift) & 0xff) << 23) | (<u32>((magnitude << shift) & 0x3f) << 17);
}

/** Whether a group's values are not simply magnitude times power of two: exponents at the edge, byte 0x80. */
// @ts-ignore: decorator
@inline
function isRareGroup(bytes: v128, sharedExponent: i32): bool {
  const isPlain = sharedExponent >= SMALLEST_PLAIN_EXPONENT && sharedExponent <= LARGEST_PLAIN_EXPONENT;
  return !isPlain || v128.any_true(i8x16.eq(bytes, i8x16.splat(-128)));
}

/** Sign and magnitude to two's complement. */
// @ts-ignore: decorator
@inline
function signedMagnitudes(bytes: v128): v128 {
  const sign = i8x16.lt_s(bytes, i8x16.splat(0));
  return i8x16.sub(v128.xor(v128.and(bytes, i8x16.splat(0x7f)), sign), sign);
}

/** Sixteen BFP8_B bytes to sixteen float32 values, cut by `mask`; gives the range of their exponent fields. */
// @ts-ignore: decorator
@inline
function unpackGroup(bytes: v128, sharedExponent: i32, mask: v128, target: usize): i32 {
  if (isRareGroup(bytes, sharedExponent)) {
    v128.store(target, bytes);
    unpackRareGroup(sharedExponent, i32x4.extract_lane(mask, 0), target);
    return rangeOfSixteen(target);
  }
  const scale = i32x4.splat((sharedExponent - 6) << 23);
  const signed = signedMagnitudes(bytes);
  const low = i16x8.extend_low_i8x16_s(signed);
  const high = i16x8.extend_high_i8x16_s(signed);
  v128.store(target, v128.and(mask, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low)))));
  v128.store(target + 16, v128.and(mask, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low)))));
  v128.store(target + 32, v128.and(mask, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high)))));
  v128.store(target + 48, v128.and(mask, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high)))));
  return rangeOfFields(sharedExponent - MAGNITUDE_BITS, sharedExponent);
}

/** Range of the exponent fields of sixteen float32. */
function rangeOfSixteen(values: usize): i32 {
  let smallest = i32x4.splat(-1);
  let largest = i32x4.splat(-1);
  for (let i: usize = 0; i < 64; i += 16) {
    smallest = i32x4.min_u(smallest, lessOne(v128.load(values + i)));
    largest = i32x4.max_s(largest, lessOne(v128.load(values + i)));
  }
  return rangeOfMagnitudes(smallest, largest);
}

/** @param target - has the sixteen bytes in its first quarter; receives sixteen values. */
function unpackRareGroup(sharedExponent: i32, keep: i32, target: usize): void {
  // From the last element on, no byte is overwritten before it is read.
  for (let i = 15; i >= 0; i--) {
    const byte = <i32>load<u8>(target + <usize>i);
    store<u32>(target + ((<usize>i) << 2), bitsFromBfp8(sharedExponent, byte) & keep);
  }
}

/** Two BFP4_B elements a byte, the first in the low nibble, to BFP8_B bytes with the same value. */
// @ts-ignore: decorator
@inline
function bfp8BytesFromBfp4(source: usize): v128 {
  const packed = v128.load64_zero(source);
  const even = i8x16.shl(packed, 4);
  const odd = v128.and(packed, i8x16.splat(-16));
  return v128.shuffle<i8>(even, odd, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

/**
 * One tile to strip[32][64] from column `column` on.
 *
 * @param keep - kept bits of each value.
 * @returns range of the exponent fields of what is not zero, or a wider one.
 */
export function unpackTile(tile: usize, format: i32, keep: i32, strip: usize, column: usize): i32 {
  const mask = i32x4.splat(keep);
  let range = rangeOfFields(EMPTY_MINIMUM, EMPTY_MAXIMUM);
  let smallest = i32x4.splat(-1);
  let largest = i32x4.splat(-1);
  for (let faceRow: usize = 0; faceRow < 64; faceRow++) {
    const row = ((faceRow >> 5) << 4) | (faceRow & 15);
    const target = strip + ((row * PANEL_COLUMNS + column + (((faceRow >> 4) & 1) << 4)) << 2);
    if (format == FORMAT_BF16) {
      const source = tile + (faceRow << 5);
      for (let i: usize = 0; i < 16; i += 4) {
        const bits = v128.and(mask, i32x4.shl(v128.load16x4_u(source + (i << 1)), 16));
        v128.store(target + (i << 2), bits);
        smallest = i32x4.min_u(smallest, lessOne(bits));
        largest = i32x4.max_s(largest, lessOne(bits));
      }
      continue;
    }
    const bytes =
      format == FORMAT_BFP8
        ? v128.load(tile + EXPONENT_BYTES + (faceRow << 4))
        : bfp8BytesFromBfp4(tile + EXPONENT_BYTES + (faceRow << 3));
    range = unionOf(range, unpackGroup(bytes, load<u8>(tile + faceRow), mask, target));
  }
  return format == FORMAT_BF16 ? rangeOfMagnitudes(smallest, largest) : range;
}
