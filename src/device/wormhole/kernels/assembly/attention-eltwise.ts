// Additions and products of attention, four at a time: the matrix unit with an empty 16-bit Dst, or plain float32.
// Source: n150-numerics B.4, B.5; twin of ops/eltwise.ts and ops/eltwise-16-bit-dst.ts.
// Exactness: float32 arithmetic that is exact at every step where exponents allow it, else element by element in integers.
import { ARITHMETIC_FLOAT32, ARITHMETIC_HARDWARE } from '../job-layout';
import { roundToBf16TiesEven } from './bf16';
import { accumulate, productExponent, productMagnitude } from './exact-scalar';

const EXPONENT: i32 = 0x7f800000;
const MAGNITUDE: i32 = 0x7fffffff;

/** Between these exponents no step of a sum or product comes near the ends of float32's range. */
const LOWEST: i32 = 32 << 23;
const HIGHEST: i32 = 240 << 23;

/** A power of two plus this many of it holds a term so that its bit for 2^-10 of the power is bit 11. */
const ALIGNER: f32 = 4;
const SIGNED_ALIGNER: f32 = 6;
const ALIGNED_BITS: i32 = ~0x7ff;
/** Half of the tenth fraction bit: adding it before the cut rounds half up. */
const HALF: f32 = 0.00048828125;

// @ts-ignore: decorator
@inline
function isOutOfRange(magnitude: v128): bool {
  const distance = i32x4.sub(magnitude, i32x4.splat(LOWEST));
  const isOutside = i32x4.gt_u(distance, i32x4.splat(HIGHEST - LOWEST));
  return v128.any_true(v128.andnot(isOutside, i32x4.eq(magnitude, i32x4.splat(0))));
}

/** Zeros and denormals as plus zero. */
// @ts-ignore: decorator
@inline
function flush(value: v128): v128 {
  return v128.and(value, i32x4.ne(v128.and(value, i32x4.splat(EXPONENT)), i32x4.splat(0)));
}

// @ts-ignore: decorator
@inline
function roundTiesAway(value: v128): v128 {
  return v128.and(i32x4.add(value, i32x4.splat(0x8000)), i32x4.splat(0xffff0000));
}

// @ts-ignore: decorator
@inline
function addOnMatrixUnit(a: v128, b: v128): v128 {
  const x = flush(a);
  const y = flush(b);
  const magnitudeX = v128.and(x, i32x4.splat(MAGNITUDE));
  const magnitudeY = v128.and(y, i32x4.splat(MAGNITUDE));
  const isXLarger = i32x4.ge_s(magnitudeX, magnitudeY);
  const larger = v128.bitselect(x, y, isXLarger);
  if (isOutOfRange(v128.and(larger, i32x4.splat(MAGNITUDE)))) return addElements(a, b);
  const smaller = v128.bitselect(magnitudeY, magnitudeX, isXLarger);
  const sign = v128.and(v128.bitselect(y, x, isXLarger), i32x4.splat(~MAGNITUDE));
  const power = v128.and(larger, i32x4.splat(EXPONENT));
  const held = f32x4.add(smaller, f32x4.mul(power, f32x4.splat(ALIGNER + HALF)));
  const cut = v128.and(held, i32x4.splat(ALIGNED_BITS));
  const aligned = f32x4.sub(cut, f32x4.mul(power, f32x4.splat(ALIGNER)));
  return roundTiesAway(f32x4.add(larger, v128.or(aligned, sign)));
}

/** Dst plus the product of a later fidelity phase: smaller and of the same sign, its tie rounded up. */
// @ts-ignore: decorator
@inline
function addPhase(dst: v128, product: v128): v128 {
  const power = v128.and(dst, i32x4.splat(EXPONENT));
  const held = f32x4.add(product, f32x4.mul(power, f32x4.splat(SIGNED_ALIGNER + HALF)));
  const cut = v128.and(held, i32x4.splat(ALIGNED_BITS));
  return roundTiesAway(f32x4.add(dst, f32x4.sub(cut, f32x4.mul(power, f32x4.splat(SIGNED_ALIGNER)))));
}

// @ts-ignore: decorator
@inline
function multiplyOnMatrixUnit(a: v128, b: v128, phases: i32): v128 {
  const x = flush(a);
  const y = flush(b);
  const highX = v128.and(x, i32x4.splat(0xfff80000));
  const highY = v128.and(y, i32x4.splat(0xfffe0000));
  // Plus zero turns a minus zero into it.
  const product = f32x4.add(f32x4.mul(highX, highY), f32x4.splat(0));
  if (isOutOfRange(v128.and(product, i32x4.splat(MAGNITUDE)))) return multiplyElements(a, b, phases);
  let dst = roundTiesAway(product);
  if (phases == 1) return dst;
  const lowX = f32x4.sub(x, highX);
  dst = addPhase(dst, f32x4.mul(lowX, highY));
  if (phases == 2) return dst;
  // A fourth phase adds less than half of what Dst keeps of it.
  return addPhase(dst, f32x4.mul(highX, f32x4.sub(y, highY)));
}

/** ELWADD of two bfloat16 patterns, any of them. */
function addElement(a: u32, b: u32): u32 {
  const magnitudeA = (a & EXPONENT) == 0 ? 0 : a & MAGNITUDE;
  const magnitudeB = (b & EXPONENT) == 0 ? 0 : b & MAGNITUDE;
  const isALarger = magnitudeA >= magnitudeB;
  const larger = isALarger ? magnitudeA : magnitudeB;
  const smaller = isALarger ? magnitudeB : magnitudeA;
  if (larger == 0) return 0;
  const exponent = <i32>(larger >> 23);
  const distance = exponent - <i32>(smaller >> 23);
  const significand = <i32>(0x400 | ((smaller >> 13) & 0x3ff));
  const aligned = smaller == 0 || distance > 11 ? 0 : (2 * significand + (1 << distance)) >> (distance + 1);
  const magnitude = <i32>(0x400 | ((larger >> 13) & 0x3ff)) + (<i32>(a ^ b) < 0 ? -aligned : aligned);
  return accumulate(0, exponent, <i32>(isALarger ? a : b) < 0 ? -magnitude : magnitude, 0, 0, false);
}

/** ELWMUL of two bfloat16 patterns, any of them, phase by phase. */
function multiplyElement(a: u32, b: u32, phases: i32): u32 {
  let dst: u32 = 0;
  for (let phase = 0; phase < phases; phase++) {
    const adjustment = -127 - ((phase & 1) == 0 ? 0 : 5) - ((phase & 2) == 0 ? 0 : 7);
    const magnitude = productMagnitude(a, b, phase);
    const sum = <i32>(a ^ b) < 0 ? -magnitude : magnitude;
    dst = accumulate(dst, productExponent(a, b, adjustment), sum, 0, 0, false);
  }
  return dst;
}

function addElements(a: v128, b: v128): v128 {
  let sum = i32x4.splat(addElement(i32x4.extract_lane(a, 0), i32x4.extract_lane(b, 0)));
  sum = i32x4.replace_lane(sum, 1, addElement(i32x4.extract_lane(a, 1), i32x4.extract_lane(b, 1)));
  sum = i32x4.replace_lane(sum, 2, addElement(i32x4.extract_lane(a, 2), i32x4.extract_lane(b, 2)));
  return i32x4.replace_lane(sum, 3, addElement(i32x4.extract_lane(a, 3), i32x4.extract_lane(b, 3)));
}

function multiplyElements(a: v128, b: v128, phases: i32): v128 {
  let product = i32x4.splat(multiplyElement(i32x4.extract_lane(a, 0), i32x4.extract_lane(b, 0), phases));
  product = i32x4.replace_lane(product, 1, multiplyElement(i32x4.extract_lane(a, 1), i32x4.extract_lane(b, 1), phases));
  product = i32x4.replace_lane(product, 2, multiplyElement(i32x4.extract_lane(a, 2), i32x4.extract_lane(b, 2), phases));
  return i32x4.replace_lane(product, 3, multiplyElement(i32x4.extract_lane(a, 3), i32x4.extract_lane(b, 3), phases));
}

// @ts-ignore: decorator
@inline
function rounded(result: v128, arithmetic: i32): v128 {
  return arithmetic == ARITHMETIC_FLOAT32 ? result : roundToBf16TiesEven(result);
}

/** a + b of BF16 values (float32 in ARITHMETIC_FLOAT32). */
// @ts-ignore: decorator
@inline
export function add(a: v128, b: v128, arithmetic: i32): v128 {
  return arithmetic == ARITHMETIC_HARDWARE ? addOnMatrixUnit(a, b) : rounded(f32x4.add(a, b), arithmetic);
}

/** a - b; otherwise as add. */
// @ts-ignore: decorator
@inline
export function subtract(a: v128, b: v128, arithmetic: i32): v128 {
  if (arithmetic == ARITHMETIC_HARDWARE) return addOnMatrixUnit(a, f32x4.neg(b));
  return rounded(f32x4.sub(a, b), arithmetic);
}

/** a * b, a in SrcA and b in SrcB; `phases` is that of the math fidelity. */
// @ts-ignore: decorator
@inline
export function multiply(a: v128, b: v128, arithmetic: i32, phases: i32): v128 {
  return arithmetic == ARITHMETIC_FLOAT32 ? f32x4.mul(a, b) : multiplyOnMatrixUnit(a, b, phases);
}
