// Sums of the exponentials of one side, plain and weighted with the difference; twin of addExponentials in row-passes.ts.
import { LANES, NUMBERS_START, OCTAVE_SHIFT, POWERS_START, STEPS_PER_OCTAVE } from '../layout';
import { pairAt, storeLanes } from './lanes';

/** Of a float64. */
const FRACTION_BITS: i32 = 52;

/** Where 2^(steps / 1024) of the last octave is. */
// @ts-ignore: decorator
@inline
function powerAt(steps: i64): usize {
  return <usize>POWERS_START + (<usize>(<i32>steps & (STEPS_PER_OCTAVE - 1)) << 3);
}

/**
 * @param row - window of float32, none above `shift`. @param other - of the other side. @param bytes - a multiple of 16.
 * @param sums - lanes of both sums.
 */
export function addExponentials(row: usize, other: usize, bytes: usize, shift: f64, sums: usize): void {
  // From memory, since constants would be made anew for each element.
  const stepsPerNat = v128.load64_splat(NUMBERS_START);
  const rounder = v128.load64_splat(NUMBERS_START, 8);
  const stepHigh = v128.load64_splat(NUMBERS_START, 16);
  const stepLow = v128.load64_splat(NUMBERS_START, 24);
  const half = v128.load64_splat(NUMBERS_START, 32);
  const sixth = v128.load64_splat(NUMBERS_START, 40);
  const smallest = v128.load64_splat(NUMBERS_START, 48);
  const largest = f64x2.splat(shift);
  const weightedSums = sums + (LANES << 3);
  let sum01 = v128.load(sums), sum23 = v128.load(sums, 16);
  let weighted01 = v128.load(weightedSums), weighted23 = v128.load(weightedSums, 16);
  for (let at: usize = 0; at < bytes; at += 16) {
    const values01 = pairAt(row + at), values23 = pairAt(row + at + 8);
    const e01 = expOfNonPositive(
      f64x2.sub(values01, largest), stepsPerNat, rounder, stepHigh, stepLow, half, sixth, smallest,
    );
    const e23 = expOfNonPositive(
      f64x2.sub(values23, largest), stepsPerNat, rounder, stepHigh, stepLow, half, sixth, smallest,
    );
    sum01 = f64x2.add(sum01, e01);
    sum23 = f64x2.add(sum23, e23);
    weighted01 = f64x2.add(weighted01, f64x2.mul(e01, f64x2.sub(values01, pairAt(other + at))));
    weighted23 = f64x2.add(weighted23, f64x2.mul(e23, f64x2.sub(values23, pairAt(other + at + 8))));
  }
  storeLanes(sums, sum01, sum23);
  storeLanes(weightedSums, weighted01, weighted23);
}

/** Twin of expOfNonPositive in exp-log.ts. */
// @ts-ignore: decorator
@inline
function expOfNonPositive(
  x: v128, stepsPerNat: v128, rounder: v128, stepHigh: v128, stepLow: v128, half: v128, sixth: v128, smallest: v128,
): v128 {
  // Its lowest bits are the integer that it was rounded to.
  const rounded = f64x2.add(f64x2.mul(x, stepsPerNat), rounder);
  const steps = f64x2.sub(rounded, rounder);
  const r = f64x2.sub(f64x2.sub(x, f64x2.mul(steps, stepHigh)), f64x2.mul(steps, stepLow));
  const polynomial = f64x2.add(r, f64x2.mul(f64x2.mul(r, r), f64x2.add(half, f64x2.mul(r, sixth))));
  const first = v128.load64_zero(powerAt(i64x2.extract_lane(rounded, 0)));
  const fractional = v128.load_lane<i64>(powerAt(i64x2.extract_lane(rounded, 1)), first, 1);
  // Whole octaves go to the exponent, which stays that of a normal number; the bits above them leave at the top.
  const octaves = i64x2.shl(i64x2.shr_u(rounded, OCTAVE_SHIFT), FRACTION_BITS);
  const power = i64x2.add(fractional, octaves);
  const value = f64x2.add(power, f64x2.mul(power, polynomial));
  return v128.andnot(value, f64x2.lt(x, smallest));
}
