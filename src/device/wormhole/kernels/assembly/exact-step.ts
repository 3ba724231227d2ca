// One K tile of tier exact for one row, four columns a vector: floats do the integer work of B.3 and B.4.
// Source: n150-numerics B.3, B.4, B.6. Exactness: bit-exact within the exponent range that isSafe checks.
//
// A group of eight products is aligned by summing it on top of M = 1.5 * 2^23 grid steps: float32 addition then rounds
// every product to a whole number of steps, to nearest. A step is 2^-10 of the group's largest exponent, so
// M = 1.5 * 2^(E - 127 + 13). Ties never occur: activations come scaled by 1 + 2^-13, which moves a product P <= 3937
// away from zero by less than half of its last bit (rounding the product to 24 bits included).
// In 16-bit Dst, B.4's two roundings of a group sum S (to 23, then 10 fraction bits, both halves up) at distance d are
// floor(S / 2^d + 2^-14 + 1/2): again an addition to M, after S was moved up by 3/8 of its own step or, if that is less,
// by 1.22 * 2^-14 of the common one. Dst's halves go away from zero: scaled by 1 + 2^-14. In 32-bit Dst the same is
// done in float64 with 23 fraction bits.
import { PANEL_COLUMNS } from '../job-layout';
import { largestOf, smallestOf } from './exponent-range';

const STRIP_ROW_BYTES: usize = PANEL_COLUMNS * 4;
const EXPONENT_ROW_BYTES: usize = PANEL_COLUMNS * 2;

/** Magic exponent of a group of zeros: below that of anything real (see isSafe). */
const ZERO_GROUP_FIELD: i16 = 14;
const ONE_AND_A_HALF: i32 = 0x400000;

/** Smallest and largest exponent of a product, and smallest field of an activation, for the vector path. */
const SMALLEST_PRODUCT: i32 = 40;
const LARGEST_PRODUCT: i32 = 200;
const SMALLEST_ACTIVATION: i32 = 32;
/** A Dst that the scalar path wrote must lie well within what the vector path itself can leave. */
const SMALLEST_DST: i32 = 64;

/** Whether no intermediate of this tile can be a denormal, overflow or meet B.3's floor of zero. */
export function isSafe(weightRange: i32, activationRange: i32, phases: i32): bool {
  const largestWeight = largestOf(weightRange);
  const largestActivation = largestOf(activationRange);
  const smallestActivation = smallestOf(activationRange);
  const adjustment = -127 - (phases > 1 ? 5 : 0) - (phases > 2 ? 7 : 0);
  return (
    largestWeight < 255 &&
    largestActivation < 255 &&
    smallestActivation >= SMALLEST_ACTIVATION &&
    smallestOf(weightRange) + smallestActivation + adjustment >= SMALLEST_PRODUCT &&
    largestWeight + largestActivation - 127 <= LARGEST_PRODUCT
  );
}

/** Whether a row of Dst that the scalar path may have written is within reach of the vector path. */
export function isDstSafe(dstRow: usize, columns: i32): bool {
  for (let i: usize = 0; i < <usize>columns << 2; i += 4) {
    const field = <i32>((load<u32>(dstRow + i) >> 23) & 0xff);
    if (load<u32>(dstRow + i) << 1 != 0 && (field < SMALLEST_DST || field > LARGEST_PRODUCT)) return false;
  }
  return true;
}

/** Magic exponent fields of eight columns: the largest sum of exponents among eight lanes. */
// @ts-ignore: decorator
@inline
function groupFields(activations: usize, weights: usize): v128 {
  let m = i16x8.splat(ZERO_GROUP_FIELD);
  m = i16x8.max_s(m, i16x8.add(v128.load16_splat(activations), v128.load(weights)));
  m = i16x8.max_s(m, i16x8.add(v128.load16_splat(activations, 2), v128.load(weights, 128)));
  m = i16x8.max_s(m, i16x8.add(v128.load16_splat(activations, 4), v128.load(weights, 256)));
  m = i16x8.max_s(m, i16x8.add(v128.load16_splat(activations, 6), v128.load(weights, 384)));
  m = i16x8.max_s(m, i16x8.add(v128.load16_splat(activations, 8), v128.load(weights, 512)));
  m = i16x8.max_s(m, i16x8.add(v128.load16_splat(activations, 10), v128.load(weights, 640)));
  m = i16x8.max_s(m, i16x8.add(v128.load16_splat(activations, 12), v128.load(weights, 768)));
  return i16x8.max_s(m, i16x8.add(v128.load16_splat(activations, 14), v128.load(weights, 896)));
}

// @ts-ignore: decorator
@inline
function magicLow(fields: v128): v128 {
  return v128.or(i32x4.shl(i32x4.extend_low_i16x8_u(fields), 23), i32x4.splat(ONE_AND_A_HALF));
}

// @ts-ignore: decorator
@inline
function magicHigh(fields: v128): v128 {
  return v128.or(i32x4.shl(i32x4.extend_high_i16x8_u(fields), 23), i32x4.splat(ONE_AND_A_HALF));
}

/** Eight lanes of four columns, summed on top of `magic`. */
// @ts-ignore: decorator
@inline
function sumGroup(magic: v128, activations: usize, weights: usize): v128 {
  let s = magic;
  s = f32x4.add(s, f32x4.mul(v128.load32_splat(activations), v128.load(weights)));
  s = f32x4.add(s, f32x4.mul(v128.load32_splat(activations, 4), v128.load(weights, 256)));
  s = f32x4.add(s, f32x4.mul(v128.load32_splat(activations, 8), v128.load(weights, 512)));
  s = f32x4.add(s, f32x4.mul(v128.load32_splat(activations, 12), v128.load(weights, 768)));
  s = f32x4.add(s, f32x4.mul(v128.load32_splat(activations, 16), v128.load(weights, 1024)));
  s = f32x4.add(s, f32x4.mul(v128.load32_splat(activations, 20), v128.load(weights, 1280)));
  s = f32x4.add(s, f32x4.mul(v128.load32_splat(activations, 24), v128.load(weights, 1536)));
  return f32x4.add(s, f32x4.mul(v128.load32_splat(activations, 28), v128.load(weights, 1792)));
}

/** B.4 for a 16-bit Dst; sums come on top of their magic constants. */
// @ts-ignore: decorator
@inline
function accumulate16(dst: v128, sum0: v128, magic0: v128, sum1: v128, magic1: v128): v128 {
  const dstMagic = f32x4.mul(v128.and(dst, i32x4.splat(0x7f800000)), f32x4.splat(12288));
  // Positive floats compare as integers do.
  const magic = i32x4.max_s(i32x4.max_s(magic0, magic1), dstMagic);
  const smallestMove = f32x4.mul(magic, f32x4.splat(5.91171556152403354644775390625e-12));
  const ownStep = f32x4.splat(2.98023223876953125e-8);
  const term0 = f32x4.add(f32x4.sub(sum0, magic0), i32x4.max_s(f32x4.mul(magic0, ownStep), smallestMove));
  const term1 = f32x4.add(f32x4.sub(sum1, magic1), i32x4.max_s(f32x4.mul(magic1, ownStep), smallestMove));
  const dstTerm = f32x4.mul(dst, f32x4.splat(1.00006103515625));
  const sum = f32x4.sub(f32x4.add(f32x4.add(f32x4.add(magic, term0), term1), dstTerm), magic);
  return v128.and(i32x4.add(sum, i32x4.splat(0x8000)), i32x4.splat(0xffff0000));
}

/** Two lanes of B.4 for a 32-bit Dst, in float64; terms are float64, unrounded, group terms already moved up. */
// @ts-ignore: decorator
@inline
function sum32(dst: v128, term0: v128, term1: v128, magic: v128): v128 {
  const magic64 = f64x2.mul(magic, f64x2.splat(65536));
  const dstTerm = f64x2.mul(dst, f64x2.splat(1.00000001490116119384765625));
  const sum = f64x2.sub(f64x2.add(f64x2.add(f64x2.add(magic64, term0), term1), dstTerm), magic64);
  return f32x4.demote_f64x2_zero(f64x2.mul(sum, f64x2.splat(1.00000000002910383045673370361328125)));
}

// @ts-ignore: decorator
@inline
function upperHalf(value: v128): v128 {
  return v128.shuffle<i32>(value, value, 2, 3, 0, 1);
}

// @ts-ignore: decorator
@inline
function movedUp(sum: v128, magic: v128, move: v128): v128 {
  return f64x2.add(f64x2.promote_low_f32x4(f32x4.sub(sum, magic)), f64x2.promote_low_f32x4(move));
}

// @ts-ignore: decorator
@inline
function movedUpHigh(sum: v128, magic: v128, move: v128): v128 {
  return f64x2.add(
    f64x2.promote_low_f32x4(upperHalf(f32x4.sub(sum, magic))), f64x2.promote_low_f32x4(upperHalf(move)),
  );
}

/** B.4 for a 32-bit Dst, the Wormhole defect included. */
// @ts-ignore: decorator
@inline
function accumulate32(dst: v128, sum0: v128, magic0: v128, sum1: v128, magic1: v128): v128 {
  const dstMagic = f32x4.mul(v128.and(dst, i32x4.splat(0x7f800000)), f32x4.splat(12288));
  const magic = i32x4.max_s(i32x4.max_s(magic0, magic1), dstMagic);
  // 3/8 of the group's own step, but less than half a step of the sum.
  const largestMove = f32x4.mul(magic, f32x4.splat(3.637978807091712951660156e-12));
  const ownStep = f32x4.splat(2.98023223876953125e-8);
  const move0 = i32x4.min_s(f32x4.mul(magic0, ownStep), largestMove);
  const move1 = i32x4.min_s(f32x4.mul(magic1, ownStep), largestMove);
  const low = sum32(
    f64x2.promote_low_f32x4(dst),
    movedUp(sum0, magic0, move0),
    movedUp(sum1, magic1, move1),
    f64x2.promote_low_f32x4(magic),
  );
  const high = sum32(
    f64x2.promote_low_f32x4(upperHalf(dst)),
    movedUpHigh(sum0, magic0, move0),
    movedUpHigh(sum1, magic1, move1),
    f64x2.promote_low_f32x4(upperHalf(magic)),
  );
  const result = v128.shuffle<i32>(low, high, 0, 1, 4, 5);
  const power = v128.and(magic, i32x4.splat(0x7f800000));
  const minusOne = f32x4.mul(power, f32x4.splat(-1.4551915228366851806640625e-11));
  const defect = f32x4.mul(power, f32x4.splat(-0.001953125));
  // Compared as bits: with zero groups only, minusOne is -0 and the sum +0.
  return v128.bitselect(defect, result, i32x4.eq(result, minusOne));
}

// @ts-ignore: decorator
@inline
function accumulate(dst: v128, sum0: v128, magic0: v128, sum1: v128, magic1: v128, isDst32: bool): v128 {
  return isDst32 ? accumulate32(dst, sum0, magic0, sum1, magic1) : accumulate16(dst, sum0, magic0, sum1, magic1);
}

/** What each phase after the first takes off the exponents: 5 for phase bit 0, 7 for phase bit 1. */
// @ts-ignore: decorator
@inline
function phaseScale(phase: i32): f32 {
  return phase == 0 ? 1 : phase == 1 ? 0.03125 : phase == 2 ? 0.0078125 : 0.000244140625;
}

/**
 * @param activations - [32] float32 parts of one row, high then low; @param activationExponents - [32] int16.
 * @param weights - [32, 64] float32 parts of a strip, high then low; @param weightExponents - [32, 64] int16.
 * @param dstRow - [64] float32, updated in place.
 * @param columns - 32 or 64.
 */
export function exactRow(
  highActivations: usize, lowActivations: usize, activationExponents: usize,
  highWeights: usize, lowWeights: usize, weightExponents: usize,
  dstRow: usize, columns: i32, phases: i32, isDst32: bool,
): void {
  for (let column: usize = 0; column < <usize>columns; column += 8) {
    const exponents = weightExponents + (column << 1);
    const fields0 = groupFields(activationExponents, exponents);
    const fields1 = groupFields(activationExponents + 16, exponents + 8 * EXPONENT_ROW_BYTES);
    const fields2 = groupFields(activationExponents + 32, exponents + 16 * EXPONENT_ROW_BYTES);
    const fields3 = groupFields(activationExponents + 48, exponents + 24 * EXPONENT_ROW_BYTES);
    let dstLow = v128.load(dstRow + (column << 2));
    let dstHigh = v128.load(dstRow + (column << 2), 16);
    for (let phase = 0; phase < phases; phase++) {
      const a = (phase & 2) == 0 ? highActivations : lowActivations;
      const w = ((phase & 1) == 0 ? highWeights : lowWeights) + (column << 2);
      const scale = f32x4.splat(phaseScale(phase));
      let magic0 = f32x4.mul(magicLow(fields0), scale);
      let magic1 = f32x4.mul(magicLow(fields1), scale);
      let sum0 = sumGroup(magic0, a, w);
      let sum1 = sumGroup(magic1, a + 32, w + 8 * STRIP_ROW_BYTES);
      dstLow = accumulate(dstLow, sum0, magic0, sum1, magic1, isDst32);
      magic0 = f32x4.mul(magicHigh(fields0), scale);
      magic1 = f32x4.mul(magicHigh(fields1), scale);
      sum0 = sumGroup(magic0, a, w + 16);
      sum1 = sumGroup(magic1, a + 32, w + 8 * STRIP_ROW_BYTES + 16);
      dstHigh = accumulate(dstHigh, sum0, magic0, sum1, magic1, isDst32);
      magic0 = f32x4.mul(magicLow(fields2), scale);
      magic1 = f32x4.mul(magicLow(fields3), scale);
      sum0 = sumGroup(magic0, a + 64, w + 16 * STRIP_ROW_BYTES);
      sum1 = sumGroup(magic1, a + 96, w + 24 * STRIP_ROW_BYTES);
      dstLow = accumulate(dstLow, sum0, magic0, sum1, magic1, isDst32);
      magic0 = f32x4.mul(magicHigh(fields2), scale);
      magic1 = f32x4.mul(magicHigh(fields3), scale);
      sum0 = sumGroup(magic0, a + 64, w + 16 * STRIP_ROW_BYTES + 16);
      sum1 = sumGroup(magic1, a + 96, w + 24 * STRIP_ROW_BYTES + 16);
      dstHigh = accumulate(dstHigh, sum0, magic0, sum1, magic1, isDst32);
    }
    v128.store(dstRow + (column << 2), dstLow);
    v128.store(dstRow + (column << 2), dstHigh, 16);
  }
}
