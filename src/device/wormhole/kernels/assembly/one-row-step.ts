// One K tile of tiers fast and fp32 for a single row: BFP8_B weights go from bytes to sums without a stop in memory.
// Exactness: the bits of unpackTile followed by floatStep.
import { largestOf, smallestOf } from './exponent-range';
import { addTo } from './float-step';
import { LARGEST_SUM, multiplyAdd, SMALLEST_SUM } from './multiply-add';
import {
  EXPONENT_BYTES, isRareGroup, LARGEST_PLAIN_EXPONENT, MAGNITUDE_BITS, signedMagnitudes, SMALLEST_PLAIN_EXPONENT,
  unpackRareGroup,
} from './unpack';

const FACE_ROWS: usize = 16;
const ALL_BITS: i32 = -1;
/** Sign, exponent and the six stored bits of a BFP8_B value: a mask that keeps them changes nothing. */
const BFP8_BITS: i32 = 0xfffe0000;

/** Whether cutting BFP8_B weights with `keep` leaves them as they are. */
// @ts-ignore: decorator
@inline
export function keepsBfp8(keep: i32): bool {
  return (keep & BFP8_BITS) == BFP8_BITS;
}

/** Range of activations within which fusing leaves hardly a group of weights to the slow way. */
const SMALLEST_USUAL: i32 = 32;
const LARGEST_USUAL: i32 = 200;

/**
 * @param in0 - [32] float32. @param range - of the exponent fields of all activations.
 * @param tile - packed BFP8_B tile.
 * @param target - [32] float32, updated in place. @param kind - what it is, of float-step.
 * @param room - [16] float32 for groups that take the slow way.
 */
export function oneRowStep(in0: usize, range: i32, tile: usize, target: usize, kind: i32, room: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (smallestOf(range) >= SMALLEST_USUAL && largestOf(range) <= LARGEST_USUAL) {
      const from = max(SMALLEST_PLAIN_EXPONENT, SMALLEST_SUM + MAGNITUDE_BITS - smallestOf(range));
      const to = min(LARGEST_PLAIN_EXPONENT, LARGEST_SUM - largestOf(range));
      fusedRow(in0, tile, target, kind, from, to, room);
      return;
    }
  }
  plainRow(in0, tile, target, kind, room);
}

function fusedRow(in0: usize, tile: usize, target: usize, kind: i32, from: i32, to: i32, room: usize): void {
  rowOf(in0, tile, target, kind, from, to, room, true);
}

function plainRow(in0: usize, tile: usize, target: usize, kind: i32, room: usize): void {
  rowOf(in0, tile, target, kind, SMALLEST_PLAIN_EXPONENT, LARGEST_PLAIN_EXPONENT, room, false);
}

/** @param from - least shared exponent of groups that go the fast way. @param to - the largest. */
// @ts-ignore: decorator
@inline
function rowOf(
  in0: usize, tile: usize, target: usize, kind: i32, from: i32, to: i32, room: usize, isFused: bool,
): void {
  for (let half: usize = 0; half < 2; half++) {
    let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0);
    for (let k: usize = 0; k < 32; k++) {
      // Faces lie one after the other: left and right of the upper rows, then of the lower ones.
      const faceRow = ((k & FACE_ROWS) << 1) + half * FACE_ROWS + (k & (FACE_ROWS - 1));
      const bytes = v128.load(tile + EXPONENT_BYTES + (faceRow << 4));
      const sharedExponent = <i32>load<u8>(tile + faceRow);
      const x = v128.load32_splat(in0 + (k << 2));
      if (isRareGroup(bytes, sharedExponent, from, to)) {
        v128.store(room, bytes);
        unpackRareGroup(sharedExponent, ALL_BITS, room);
        s0 = multiplyAdd(x, v128.load(room), s0, false);
        s1 = multiplyAdd(x, v128.load(room, 16), s1, false);
        s2 = multiplyAdd(x, v128.load(room, 32), s2, false);
        s3 = multiplyAdd(x, v128.load(room, 48), s3, false);
        continue;
      }
      const scale = i32x4.splat((sharedExponent - MAGNITUDE_BITS) << 23);
      const signed = signedMagnitudes(bytes);
      const low = i16x8.extend_low_i8x16_s(signed);
      const high = i16x8.extend_high_i8x16_s(signed);
      s0 = multiplyAdd(x, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low))), s0, isFused);
      s1 = multiplyAdd(x, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low))), s1, isFused);
      s2 = multiplyAdd(x, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high))), s2, isFused);
      s3 = multiplyAdd(x, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high))), s3, isFused);
    }
    const at = target + (half << 6);
    addTo(at, s0, kind);
    addTo(at + 16, s1, kind);
    addTo(at + 32, s2, kind);
    addTo(at + 48, s3, kind);
  }
}
