// Operands of the vector path of tier exact: both parts that the multiplier sees, as floats, and the exponents.
// Source: n150-numerics B.2. Denormals count as zero.
import { PANEL_COLUMNS } from '../job-layout';
import { EMPTY_MAXIMUM, EMPTY_MINIMUM, rangeOfFields } from './exponent-range';

/** Exponent of a zero operand in 16-bit lanes: no sum with a real one gets near a real sum. */
const ZERO_EXPONENT: i16 = -15000;

/** What is subtracted from an activation's exponent field: a sum with a weight's field then counts magic constants. */
const ACTIVATION_BIAS: i16 = 127 - 13;

/** Kept bits of the part seen in phases with bit 0 (SrcA) or bit 1 (SrcB) clear: 5 and 7 significant bits. */
const HIGH_PART_OF_WEIGHT: i32 = 0xfff80000;
const HIGH_PART_OF_ACTIVATION: i32 = 0xfffe0000;

/** Products of an activation scaled by this are never halfway between two steps of a coarser grid: see exact-step. */
const AWAY_FROM_ZERO: f32 = 1.0001220703125;

// @ts-ignore: decorator
@inline
function exponentFields(value: v128): v128 {
  return v128.and(i32x4.shr_u(value, 23), i32x4.splat(0xff));
}

// @ts-ignore: decorator
@inline
function withoutDenormals(value: v128): v128 {
  return v128.andnot(value, i32x4.eq(exponentFields(value), i32x4.splat(0)));
}

/** Four exponent fields less `bias`, zeros marked. */
// @ts-ignore: decorator
@inline
function markedExponents(value: v128, bias: i32): v128 {
  const fields = exponentFields(value);
  const isZero = i32x4.eq(fields, i32x4.splat(0));
  return v128.bitselect(i32x4.splat(ZERO_EXPONENT), i32x4.sub(fields, i32x4.splat(bias)), isZero);
}

/**
 * Splits a strip of weights.
 *
 * @param strip - [32, 64] float32, raw.
 * @param high - [32, 64] float32. @param low - [32, 64] float32. @param exponents - [32, 64] int16.
 * @param columns - 32 or 64; further columns are not touched.
 * @returns range of the exponent fields of the nonzero weights.
 */
export function splitWeights(strip: usize, high: usize, low: usize, exponents: usize, columns: i32): i32 {
  let smallest = i16x8.splat(EMPTY_MINIMUM);
  let largest = i16x8.splat(EMPTY_MAXIMUM);
  const keep = i32x4.splat(HIGH_PART_OF_WEIGHT);
  for (let row: usize = 0; row < 32; row++) {
    for (let column: usize = 0; column < <usize>columns; column += 8) {
      const index = row * PANEL_COLUMNS + column;
      const at = index << 2;
      const first = withoutDenormals(v128.load(strip + at));
      const second = withoutDenormals(v128.load(strip + at, 16));
      const highFirst = v128.and(first, keep);
      const highSecond = v128.and(second, keep);
      v128.store(high + at, highFirst);
      v128.store(high + at, highSecond, 16);
      v128.store(low + at, f32x4.sub(first, highFirst));
      v128.store(low + at, f32x4.sub(second, highSecond), 16);
      const marked = i16x8.narrow_i32x4_s(markedExponents(first, 0), markedExponents(second, 0));
      v128.store(exponents + (index << 1), marked);
      largest = i16x8.max_s(largest, marked);
      const isZero = i16x8.lt_s(marked, i16x8.splat(0));
      smallest = i16x8.min_s(smallest, v128.bitselect(i16x8.splat(EMPTY_MINIMUM), marked, isZero));
    }
  }
  return rangeOf(smallest, largest);
}

function rangeOf(smallest: v128, largest: v128): i32 {
  let low = i16x8.min_s(smallest, v128.shuffle<i16>(smallest, smallest, 4, 5, 6, 7, 0, 1, 2, 3));
  low = i16x8.min_s(low, v128.shuffle<i16>(low, low, 2, 3, 0, 1, 4, 5, 6, 7));
  low = i16x8.min_s(low, v128.shuffle<i16>(low, low, 1, 0, 2, 3, 4, 5, 6, 7));
  let high = i16x8.max_s(largest, v128.shuffle<i16>(largest, largest, 4, 5, 6, 7, 0, 1, 2, 3));
  high = i16x8.max_s(high, v128.shuffle<i16>(high, high, 2, 3, 0, 1, 4, 5, 6, 7));
  high = i16x8.max_s(high, v128.shuffle<i16>(high, high, 1, 0, 2, 3, 4, 5, 6, 7));
  return rangeOfFields(i16x8.extract_lane_s(low, 0), i16x8.extract_lane_s(high, 0));
}

/**
 * Splits activations that lie in K tiles.
 *
 * @param tiled - [groups, 32] float32, raw; one group is a row of a K tile.
 * @param high - [groups, 32] float32, scaled by AWAY_FROM_ZERO. @param low - likewise.
 * @param exponents - [groups, 32] int16. @param ranges - [groups] int32 as splitWeights returns it.
 */
export function splitActivations(
  tiled: usize, high: usize, low: usize, exponents: usize, ranges: usize, groups: i32,
): void {
  const keep = i32x4.splat(HIGH_PART_OF_ACTIVATION);
  const away = f32x4.splat(AWAY_FROM_ZERO);
  for (let group: usize = 0; group < <usize>groups; group++) {
    let smallest = i16x8.splat(EMPTY_MINIMUM);
    let largest = i16x8.splat(EMPTY_MAXIMUM);
    for (let i: usize = 0; i < 32; i += 8) {
      const at = (group << 7) + (i << 2);
      const first = withoutDenormals(v128.load(tiled + at));
      const second = withoutDenormals(v128.load(tiled + at, 16));
      const highFirst = v128.and(first, keep);
      const highSecond = v128.and(second, keep);
      v128.store(high + at, f32x4.mul(highFirst, away));
      v128.store(high + at, f32x4.mul(highSecond, away), 16);
      v128.store(low + at, f32x4.mul(f32x4.sub(first, highFirst), away));
      v128.store(low + at, f32x4.mul(f32x4.sub(second, highSecond), away), 16);
      const marked = i16x8.narrow_i32x4_s(
        markedExponents(first, ACTIVATION_BIAS), markedExponents(second, ACTIVATION_BIAS),
      );
      v128.store(exponents + (group << 6) + (i << 1), marked);
      const fields = i16x8.add(marked, i16x8.splat(ACTIVATION_BIAS));
      largest = i16x8.max_s(largest, fields);
      const isZero = i16x8.lt_s(fields, i16x8.splat(0));
      smallest = i16x8.min_s(smallest, v128.bitselect(i16x8.splat(EMPTY_MINIMUM), fields, isZero));
    }
    store<i32>(ranges + (group << 2), rangeOf(smallest, largest));
  }
}
