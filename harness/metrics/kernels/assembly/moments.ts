// Centred sums over a pair of rows and its control rows, and the largest error; twins of addMoments and addControls in row-passes.ts.
import {
  ABSOLUTE_ERRORS, ACTUAL_SQUARES, DIFFERENCE_SQUARES, FIRST_GOLDEN_PRODUCTS, GOLDEN_SQUARES, LARGEST_ERROR,
  LARGEST_ERROR_AT, PAIR_SUMS_START, PREVIOUS_ACTUAL_PRODUCTS, PREVIOUS_GOLDEN_PRODUCTS, PRODUCTS, STRIP_SIZE,
} from '../layout';
import { fieldAt, pairAt, storeLanes } from './lanes';

const STRIP_BYTES: usize = STRIP_SIZE << 2;

// @ts-ignore: decorator
@inline
function addProduct(sum: v128, x: v128, y: v128): v128 {
  return f64x2.add(sum, f64x2.mul(x, y));
}

// @ts-ignore: decorator
@inline
function addSquare(sum: v128, x: v128): v128 {
  return f64x2.add(sum, f64x2.mul(x, x));
}

// @ts-ignore: decorator
@inline
function lanes01(field: i32): v128 {
  return v128.load(fieldAt(PAIR_SUMS_START, field));
}

// @ts-ignore: decorator
@inline
function lanes23(field: i32): v128 {
  return v128.load(fieldAt(PAIR_SUMS_START, field), 16);
}

// @ts-ignore: decorator
@inline
function storeField(field: i32, sum01: v128, sum23: v128): void {
  storeLanes(fieldAt(PAIR_SUMS_START, field), sum01, sum23);
}

/** @param first - entry of the row with which its window begins. @param bytes - whole strips. */
export function addMoments(
  golden: usize, actual: usize, first: i32, bytes: usize, goldenMean: f64, actualMean: f64,
): void {
  const ofGolden = f64x2.splat(goldenMean);
  const ofActual = f64x2.splat(actualMean);
  let xx01 = lanes01(GOLDEN_SQUARES), xx23 = lanes23(GOLDEN_SQUARES);
  let yy01 = lanes01(ACTUAL_SQUARES), yy23 = lanes23(ACTUAL_SQUARES);
  let xy01 = lanes01(PRODUCTS), xy23 = lanes23(PRODUCTS);
  let dd01 = lanes01(DIFFERENCE_SQUARES), dd23 = lanes23(DIFFERENCE_SQUARES);
  let errors01 = lanes01(ABSOLUTE_ERRORS), errors23 = lanes23(ABSOLUTE_ERRORS);
  let largest = load<f64>(fieldAt(PAIR_SUMS_START, LARGEST_ERROR));
  let largestAt = load<f64>(fieldAt(PAIR_SUMS_START, LARGEST_ERROR_AT));
  for (let from: usize = 0; from < bytes; from += STRIP_BYTES) {
    let most = f64x2.splat(0);
    for (let at = from, end = from + STRIP_BYTES; at < end; at += 16) {
      const g01 = pairAt(golden + at), g23 = pairAt(golden + at + 8);
      const a01 = pairAt(actual + at), a23 = pairAt(actual + at + 8);
      const x01 = f64x2.sub(g01, ofGolden), x23 = f64x2.sub(g23, ofGolden);
      const y01 = f64x2.sub(a01, ofActual), y23 = f64x2.sub(a23, ofActual);
      const error01 = f64x2.abs(f64x2.sub(a01, g01)), error23 = f64x2.abs(f64x2.sub(a23, g23));
      xx01 = addSquare(xx01, x01);
      xx23 = addSquare(xx23, x23);
      yy01 = addSquare(yy01, y01);
      yy23 = addSquare(yy23, y23);
      xy01 = addProduct(xy01, x01, y01);
      xy23 = addProduct(xy23, x23, y23);
      dd01 = addSquare(dd01, f64x2.sub(y01, x01));
      dd23 = addSquare(dd23, f64x2.sub(y23, x23));
      errors01 = f64x2.add(errors01, error01);
      errors23 = f64x2.add(errors23, error23);
      most = f64x2.pmax(most, f64x2.pmax(error01, error23));
    }
    const ofStrip = max(f64x2.extract_lane(most, 0), f64x2.extract_lane(most, 1));
    if (ofStrip > largest) {
      largest = ofStrip;
      largestAt = <f64>(first + placeOf(ofStrip, golden, actual, from));
    }
  }
  storeField(GOLDEN_SQUARES, xx01, xx23);
  storeField(ACTUAL_SQUARES, yy01, yy23);
  storeField(PRODUCTS, xy01, xy23);
  storeField(DIFFERENCE_SQUARES, dd01, dd23);
  storeField(ABSOLUTE_ERRORS, errors01, errors23);
  store<f64>(fieldAt(PAIR_SUMS_START, LARGEST_ERROR), largest);
  store<f64>(fieldAt(PAIR_SUMS_START, LARGEST_ERROR_AT), largestAt);
}

/** The first entry of a window, from byte `at` on, that has this error; one does. */
function placeOf(error: f64, golden: usize, actual: usize, at: usize): i32 {
  while (abs(<f64>load<f32>(actual + at) - <f64>load<f32>(golden + at)) != error) at += 4;
  return <i32>(at >> 2);
}

export function addControls(
  golden: usize, actual: usize, bytes: usize, goldenMean: f64, actualMean: f64,
  previousGolden: usize, firstGolden: usize, previousActual: usize,
): void {
  const ofGolden = f64x2.splat(goldenMean);
  const ofActual = f64x2.splat(actualMean);
  let before01 = lanes01(PREVIOUS_GOLDEN_PRODUCTS), before23 = lanes23(PREVIOUS_GOLDEN_PRODUCTS);
  let first01 = lanes01(FIRST_GOLDEN_PRODUCTS), first23 = lanes23(FIRST_GOLDEN_PRODUCTS);
  let ahead01 = lanes01(PREVIOUS_ACTUAL_PRODUCTS), ahead23 = lanes23(PREVIOUS_ACTUAL_PRODUCTS);
  for (let at: usize = 0; at < bytes; at += 16) {
    const x01 = f64x2.sub(pairAt(golden + at), ofGolden), x23 = f64x2.sub(pairAt(golden + at + 8), ofGolden);
    const y01 = f64x2.sub(pairAt(actual + at), ofActual), y23 = f64x2.sub(pairAt(actual + at + 8), ofActual);
    before01 = addProduct(before01, y01, pairAt(previousGolden + at));
    before23 = addProduct(before23, y23, pairAt(previousGolden + at + 8));
    first01 = addProduct(first01, y01, pairAt(firstGolden + at));
    first23 = addProduct(first23, y23, pairAt(firstGolden + at + 8));
    ahead01 = addProduct(ahead01, x01, pairAt(previousActual + at));
    ahead23 = addProduct(ahead23, x23, pairAt(previousActual + at + 8));
  }
  storeField(PREVIOUS_GOLDEN_PRODUCTS, before01, before23);
  storeField(FIRST_GOLDEN_PRODUCTS, first01, first23);
  storeField(PREVIOUS_ACTUAL_PRODUCTS, ahead01, ahead23);
}
