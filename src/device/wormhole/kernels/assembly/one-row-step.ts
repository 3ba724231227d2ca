// One K tile of tier fast for a single row: BFP8_B weights go from bytes to sums without a stop in memory.
// Exactness: the bits of unpackTile followed by floatStep. Weights stay integers, their power of two goes to the activation:
// the product is the same number, and exact.
import { FORMAT_BFP8 } from '../job-layout';
import { largestOf, smallestOf } from './exponent-range';
import { addTo, floatStep } from './float-step';
import { LARGEST_SUM, multiplyAdd } from './multiply-add';
import { EXPONENT_BYTES, LARGEST_PLAIN_EXPONENT, MAGNITUDE_BITS, unpackTile } from './unpack';

const ALL_BITS: i32 = -1;
/** Sign, exponent and the six stored bits of a BFP8_B value: a mask that keeps them changes nothing. */
const BFP8_BITS: i32 = 0xfffe0000;

/** Each column's byte is taken as the upper one of a 32-bit integer. */
const UPPER_BYTE: i32 = 0xff000000;
const UPPER_BYTE_SHIFT: i32 = 24;
/** What is taken off a shared exponent to get the field of the power of two of such an integer. */
const INTEGER_BITS: i32 = MAGNITUDE_BITS + UPPER_BYTE_SHIFT;
/** Least sum of an activation's field and a shared exponent whose scaled activation is no denormal. */
const SMALLEST_SCALED: i32 = 128 + INTEGER_BITS;

/** Range of activations within which hardly a tile of weights takes the slow way. */
const SMALLEST_USUAL: i32 = 68;
const LARGEST_USUAL: i32 = 200;

/** Whether cutting BFP8_B weights with `keep` leaves them as they are. */
// @ts-ignore: decorator
@inline
export function keepsBfp8(keep: i32): bool {
  return (keep & BFP8_BITS) == BFP8_BITS;
}

/** Whether oneRowStep serves activations of this range of exponent fields. */
export function isUsualRange(range: i32): bool {
  return smallestOf(range) >= SMALLEST_USUAL && largestOf(range) <= LARGEST_USUAL;
}

/** Whether all groups of a tile are integers times a power of two whose products with all activations are exact. */
export function isUsualTile(tile: usize, range: i32): bool {
  const from = max(INTEGER_BITS + 1, SMALLEST_SCALED - smallestOf(range));
  const to = min(LARGEST_PLAIN_EXPONENT, LARGEST_SUM - largestOf(range));
  let smallest = i8x16.splat(-1);
  let largest = i8x16.splat(0);
  for (let at = tile, end = tile + EXPONENT_BYTES; at < end; at += 16) {
    smallest = i8x16.min_u(smallest, v128.load(at));
    largest = i8x16.max_u(largest, v128.load(at));
  }
  let isMinusZero = i8x16.splat(0);
  for (let at = tile + EXPONENT_BYTES, end = at + 1024; at < end; at += 16) {
    isMinusZero = v128.or(isMinusZero, i8x16.eq(v128.load(at), i8x16.splat(-128)));
  }
  const isOutside = v128.or(
    i8x16.lt_u(smallest, i8x16.splat(<i8>from)), i8x16.gt_u(largest, i8x16.splat(<i8>to)),
  );
  return !v128.any_true(v128.or(isOutside, isMinusZero));
}

/**
 * A usual tile. Exported by the module too, so that it is not inlined and its constants stay in registers.
 *
 * @param in0 - [32] float32 that holds bfloat16.
 * @param target - [32] float32, updated in place. @param kind - what it is, of float-step.
 * @param upperByte - UPPER_BYTE. @param magnitude - 0x7f.
 */
export function usualRow(in0: usize, tile: usize, target: usize, kind: i32, upperByte: i32, magnitude: i32): void {
  const upper = i32x4.splat(upperByte);
  const magnitudes = i8x16.splat(<i8>magnitude);
  for (let half: usize = 0; half < 2; half++) {
    // Each holds every fourth column.
    let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0);
    // Faces lie one after the other: left and right of the upper rows, then of the lower ones.
    for (let face = half << 4; face < 64; face += 32) {
      let activation = in0 + ((face & 32) << 1);
      let exponent = tile + face;
      let bytes = tile + EXPONENT_BYTES + (face << 4);
      for (const end = exponent + 16; exponent < end; exponent++) {
        const scale = reinterpret<f32>((<i32>load<u8>(exponent) - INTEGER_BITS) << 23);
        const x = f32x4.splat(load<f32>(activation) * scale);
        const stored = v128.load(bytes);
        const sign = i8x16.lt_s(stored, i8x16.splat(0));
        const signed = i8x16.sub(v128.xor(v128.and(stored, magnitudes), sign), sign);
        s0 = multiplyAdd(x, f32x4.convert_i32x4_s(i32x4.shl(signed, 24)), s0, true);
        s1 = multiplyAdd(x, f32x4.convert_i32x4_s(v128.and(i32x4.shl(signed, 16), upper)), s1, true);
        s2 = multiplyAdd(x, f32x4.convert_i32x4_s(v128.and(i32x4.shl(signed, 8), upper)), s2, true);
        s3 = multiplyAdd(x, f32x4.convert_i32x4_s(v128.and(signed, upper)), s3, true);
        activation += 4;
        bytes += 16;
      }
    }
    const at = target + (half << 6);
    const left01 = v128.shuffle<i32>(s0, s1, 0, 4, 1, 5);
    const left23 = v128.shuffle<i32>(s2, s3, 0, 4, 1, 5);
    const right01 = v128.shuffle<i32>(s0, s1, 2, 6, 3, 7);
    const right23 = v128.shuffle<i32>(s2, s3, 2, 6, 3, 7);
    addTo(at, v128.shuffle<i32>(left01, left23, 0, 1, 4, 5), kind);
    addTo(at + 16, v128.shuffle<i32>(left01, left23, 2, 3, 6, 7), kind);
    addTo(at + 32, v128.shuffle<i32>(right01, right23, 0, 1, 4, 5), kind);
    addTo(at + 48, v128.shuffle<i32>(right01, right23, 2, 3, 6, 7), kind);
  }
}

/**
 * @param in0 - [32] float32 that holds bfloat16. @param range - of the exponent fields of all activations, a usual one.
 * @param tile - packed BFP8_B tile.
 * @param target - [32] float32, updated in place. @param kind - what it is, of float-step.
 * @param room - [32, 64] float32 for tiles that take the slow way.
 */
export function oneRowStep(in0: usize, range: i32, tile: usize, target: usize, kind: i32, room: usize): void {
  if (isUsualTile(tile, range)) {
    usualRow(in0, tile, target, kind, UPPER_BYTE, 0x7f);
  } else {
    unpackTile(tile, FORMAT_BFP8, ALL_BITS, room, 0);
    floatStep(in0, room, target, 1, 32, kind, false);
  }
}
