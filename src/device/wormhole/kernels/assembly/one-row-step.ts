// One K tile of tiers fast and fp32 for a single row: BFP8_B weights go from bytes to sums without a stop in memory.
// Exactness: the bits of unpackTile followed by floatStep.
import { addToDst } from './float-step';
import { EXPONENT_BYTES, isRareGroup, signedMagnitudes, unpackRareGroup } from './unpack';

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

/**
 * @param in0 - [32] float32.
 * @param tile - packed BFP8_B tile.
 * @param dst - [32] float32, updated in place.
 * @param room - [16] float32 for groups that take the slow way.
 */
export function oneRowStep(in0: usize, tile: usize, dst: usize, isDst32: bool, room: usize): void {
  for (let half: usize = 0; half < 2; half++) {
    let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0);
    for (let k: usize = 0; k < 32; k++) {
      // Faces lie one after the other: left and right of the upper rows, then of the lower ones.
      const faceRow = ((k & FACE_ROWS) << 1) + half * FACE_ROWS + (k & (FACE_ROWS - 1));
      const bytes = v128.load(tile + EXPONENT_BYTES + (faceRow << 4));
      const sharedExponent = <i32>load<u8>(tile + faceRow);
      const x = v128.load32_splat(in0 + (k << 2));
      if (isRareGroup(bytes, sharedExponent)) {
        v128.store(room, bytes);
        unpackRareGroup(sharedExponent, ALL_BITS, room);
        s0 = f32x4.add(s0, f32x4.mul(x, v128.load(room)));
        s1 = f32x4.add(s1, f32x4.mul(x, v128.load(room, 16)));
        s2 = f32x4.add(s2, f32x4.mul(x, v128.load(room, 32)));
        s3 = f32x4.add(s3, f32x4.mul(x, v128.load(room, 48)));
        continue;
      }
      const scale = i32x4.splat((sharedExponent - 6) << 23);
      const signed = signedMagnitudes(bytes);
      const low = i16x8.extend_low_i8x16_s(signed);
      const high = i16x8.extend_high_i8x16_s(signed);
      s0 = f32x4.add(s0, f32x4.mul(x, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low)))));
      s1 = f32x4.add(s1, f32x4.mul(x, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low)))));
      s2 = f32x4.add(s2, f32x4.mul(x, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high)))));
      s3 = f32x4.add(s3, f32x4.mul(x, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high)))));
    }
    const target = dst + (half << 6);
    addToDst(target, s0, isDst32);
    addToDst(target + 16, s1, isDst32);
    addToDst(target + 32, s2, isDst32);
    addToDst(target + 48, s3, isDst32);
  }
}
