// What a unit of attention does to one query row between the products: scores to weights, sums, rescaling, merging.
// Twin of ops/attention-decode.ts, steps 2 to 8.
import {
  ATTENTION_ARITHMETIC, ATTENTION_DECAY_SCALE, ATTENTION_EXPONENTIAL, ATTENTION_IN0_MASK, ATTENTION_PHASES,
  ATTENTION_RECIPROCAL, ATTENTION_SCORE_SCALE, ATTENTION_SUM_MASK, ATTENTION_SUMS_BY_MATMUL, ATTENTION_TIER,
  ATTENTION_WEIGHT_SCALE, ARITHMETIC_FLOAT32, ARITHMETIC_NEAREST_EVEN, JOB_START, TIER_EXACT,
} from '../job-layout';
import { add, multiply, subtract } from './attention-eltwise';
import { exactSumByMatmul, exactSumByReduce } from './attention-exact';
import { decayOf, reciprocalOf, weightsOf } from './attention-exponentials';
import { field } from './blocks';

// @ts-ignore: decorator
@inline
function scalar(offset: usize): f32 {
  return load<f32>(<usize>JOB_START + offset);
}

// @ts-ignore: decorator
@inline
function first(vector: v128): f32 {
  return f32x4.extract_lane(vector, 0);
}

/** Bytes of a row in a tile of scores. */
const TILE_ROW_BYTES: usize = 32 << 2;

/** Scales the first `count` scores of a row and gives their maximum, `maximum` included; the lanes behind repeat a score. */
export function maximumOfScores(row: usize, tileBytes: usize, count: i32, maximum: f32): f32 {
  const arithmetic = field(ATTENTION_ARITHMETIC);
  const phases = field(ATTENTION_PHASES);
  const scale = scalar(ATTENTION_SCORE_SCALE);
  const scales = f32x4.splat(scale);
  let maxima = f32x4.splat(maximum);
  for (let tile = row, left = count; left > 0; tile += tileBytes, left -= 32) {
    const keys = min(left, 32);
    const end = tile + (<usize>((keys + 3) & ~3) << 2);
    if (scale != 0) {
      for (let at = tile; at < end; at += 16) v128.store(at, multiply(v128.load(at), scales, arithmetic, phases));
    }
    for (let at = tile + (<usize>keys << 2); at < end; at += 4) store<f32>(at, load<f32>(tile));
    // A score that is no number is never larger.
    for (let at = tile; at < end; at += 16) maxima = f32x4.pmax(maxima, v128.load(at));
  }
  maxima = f32x4.pmax(maxima, v128.shuffle<i32>(maxima, maxima, 2, 3, 2, 3));
  return first(f32x4.pmax(maxima, v128.shuffle<i32>(maxima, maxima, 1, 1, 1, 1)));
}

function exactSumOnto(sum: f32, tile: usize, work: usize): f32 {
  const phases = field(ATTENTION_PHASES);
  return field(ATTENTION_SUMS_BY_MATMUL) != 0
    ? exactSumByMatmul(tile, sum, phases, work)
    : exactSumByReduce(tile, sum, phases, work);
}

/** The sum of the tile's keys in order, rounded once on top of `sum`. */
function floatSumOnto(sum: f32, tile: usize, keys: i32): f32 {
  const mask = field(ATTENTION_SUM_MASK);
  const isFloat32 = field(ATTENTION_ARITHMETIC) == ARITHMETIC_FLOAT32;
  let tileSum: f32 = 0;
  for (let at = tile, end = tile + (<usize>keys << 2); at < end; at += 4) {
    tileSum += reinterpret<f32>(load<i32>(at) & mask);
  }
  return first(add(f32x4.splat(sum), f32x4.splat(tileSum), isFloat32 ? ARITHMETIC_FLOAT32 : ARITHMETIC_NEAREST_EVEN));
}

/** Scores to weights, in place, as the product with the values takes them, zeros behind the first `count`; gives their sum. */
export function weightsOfScores(row: usize, tileBytes: usize, count: i32, maximum: f32, exactWork: usize): f32 {
  const arithmetic = field(ATTENTION_ARITHMETIC);
  const exponential = field(ATTENTION_EXPONENTIAL);
  const scale = f32x4.splat(scalar(ATTENTION_WEIGHT_SCALE));
  const isExact = field(ATTENTION_TIER) == TIER_EXACT;
  const in0Mask = i32x4.splat(field(ATTENTION_IN0_MASK));
  const maxima = f32x4.splat(maximum);
  let sum: f32 = 0;
  for (let tile = row, left = count; left > 0; tile += tileBytes, left -= 32) {
    const keys = min(left, 32);
    const end = tile + (<usize>((keys + 3) & ~3) << 2);
    for (let at = tile; at < end; at += 16) {
      const difference = subtract(v128.load(at), maxima, arithmetic);
      v128.store(at, weightsOf(f32x4.mul(difference, scale), exponential, arithmetic));
    }
    for (let at = tile + (<usize>keys << 2); at < tile + TILE_ROW_BYTES; at += 4) store<f32>(at, 0);
    sum = isExact ? exactSumOnto(sum, tile, exactWork) : floatSumOnto(sum, tile, keys);
    for (let at = tile; at < end; at += 16) v128.store(at, v128.and(v128.load(at), in0Mask));
  }
  return sum;
}

/** What is left of a sum or output when its maximum becomes a larger one. */
export function decayTo(maximum: f32, from: f32): f32 {
  const arithmetic = field(ATTENTION_ARITHMETIC);
  const difference = first(subtract(f32x4.splat(from), f32x4.splat(maximum), arithmetic));
  return decayOf(difference * scalar(ATTENTION_DECAY_SCALE), field(ATTENTION_EXPONENTIAL), arithmetic);
}

/** value * factor + term, of one element. */
export function rescaledSum(value: f32, factor: f32, term: f32): f32 {
  const arithmetic = field(ATTENTION_ARITHMETIC);
  const product = multiply(f32x4.splat(value), f32x4.splat(factor), arithmetic, field(ATTENTION_PHASES));
  return first(add(product, f32x4.splat(term), arithmetic));
}

/** value * factor, of one element. */
export function rescaled(value: f32, factor: f32): f32 {
  const arithmetic = field(ATTENTION_ARITHMETIC);
  return first(multiply(f32x4.splat(value), f32x4.splat(factor), arithmetic, field(ATTENTION_PHASES)));
}

/** row = row * factor + terms, over `bytes` of float32, a multiple of 16. */
export function rescaleRow(row: usize, factor: f32, terms: usize, bytes: usize): void {
  const arithmetic = field(ATTENTION_ARITHMETIC);
  const phases = field(ATTENTION_PHASES);
  const factors = f32x4.splat(factor);
  for (let i: usize = 0; i < bytes; i += 16) {
    const product = multiply(v128.load(row + i), factors, arithmetic, phases);
    v128.store(row + i, add(product, v128.load(terms + i), arithmetic));
  }
}

/** row = row * factor + other * otherFactor; otherwise as rescaleRow. */
export function mergeRow(row: usize, factor: f32, other: usize, otherFactor: f32, bytes: usize): void {
  const arithmetic = field(ATTENTION_ARITHMETIC);
  const phases = field(ATTENTION_PHASES);
  const factors = f32x4.splat(factor);
  const otherFactors = f32x4.splat(otherFactor);
  for (let i: usize = 0; i < bytes; i += 16) {
    const product = multiply(v128.load(row + i), factors, arithmetic, phases);
    const otherProduct = multiply(v128.load(other + i), otherFactors, arithmetic, phases);
    v128.store(row + i, add(product, otherProduct, arithmetic));
  }
}

/** row = row / sum, as the device divides. */
export function divideRow(row: usize, sum: f32, bytes: usize): void {
  const arithmetic = field(ATTENTION_ARITHMETIC);
  const phases = field(ATTENTION_PHASES);
  const inverse = f32x4.splat(reciprocalOf(sum, field(ATTENTION_RECIPROCAL), arithmetic));
  for (let i: usize = 0; i < bytes; i += 16) {
    v128.store(row + i, multiply(v128.load(row + i), inverse, arithmetic, phases));
  }
}
