// ELWADD and ELWMUL onto an empty 16-bit Dst, all fidelity phases in one call: the graph's element-wise inner loops.
// Source: n150-numerics B.4, B.5; the definitions are elwadd and elwmul of the matrix unit.
// Exactness: bit-exact against those definitions (eltwise-16-bit-dst.twin.test.ts).
import { exponentAdjustment } from '../../wormhole/fidelity.ts';

const SIGN = 0x8000_0000;
/** Smaller significands shifted further than this contribute nothing to a sum. */
const LARGEST_ADD_SHIFT = 11;
const ADJUSTMENTS = Int32Array.from([0, 1, 2, 3], exponentAdjustment);

/**
 * a + b, rounded to BF16: the smaller operand aligned to 10 fraction bits first, ties away.
 *
 * @param a - float32 bit pattern of a BF16 value.
 * @param b - likewise; flip its sign to subtract.
 * @returns float32 bit pattern as a signed 32-bit integer.
 */
export function add16(a: number, b: number): number {
  const magnitudeA = (a & 0x7f80_0000) === 0 ? 0 : a & 0x7fff_0000;
  const magnitudeB = (b & 0x7f80_0000) === 0 ? 0 : b & 0x7fff_0000;
  const isALarger = magnitudeA >= magnitudeB;
  const larger = isALarger ? magnitudeA : magnitudeB;
  const smaller = isALarger ? magnitudeB : magnitudeA;
  if (larger === 0) return 0;
  const exponent = larger >>> 23;
  const distance = exponent - (smaller >>> 23);
  const aligned =
    smaller === 0 || distance > LARGEST_ADD_SHIFT
      ? 0
      : (2 * (0x400 | ((smaller >>> 13) & 0x3ff)) + (1 << distance)) >> (distance + 1);
  const significand = 0x400 | ((larger >>> 13) & 0x3ff);
  const magnitude = (a ^ b) < 0 ? significand - aligned : significand + aligned;
  return packRounded(magnitude << 13, exponent, (isALarger ? a : b) & SIGN);
}

/**
 * a * b, rounded to BF16 after each of `phases` fidelity phases; a stands in SrcA, b in SrcB.
 *
 * @param a - float32 bit pattern of a BF16 value.
 * @param b - likewise.
 * @returns float32 bit pattern as a signed 32-bit integer.
 */
export function multiply16(a: number, b: number, phases: number): number {
  const exponentA = (a >>> 23) & 0xff;
  const exponentB = (b >>> 23) & 0xff;
  if (exponentA === 0 || exponentB === 0) return 0;
  const sign = (a ^ b) & SIGN;
  const isNegative = sign >>> 31;
  const significandA = 0x80 | ((a >>> 16) & 0x7f);
  const significandB = 0x80 | ((b >>> 16) & 0x7f);
  let dst = 0;
  for (let phase = 0; phase < phases; phase++) {
    // BF16 fills the upper 8 of the 11 bits that the multiplier knows (B.2).
    const partA = (phase & 1) === 0 ? significandA >> 3 : (significandA & 7) << 2;
    const partB = (phase & 2) === 0 ? significandB >> 1 : (significandB & 1) << 6;
    dst = accumulateProduct(dst, exponentA + exponentB + ADJUSTMENTS[phase]!, partA * partB, sign, isNegative);
  }
  return dst;
}

/** Dst (of the same sign) plus one product with 10 fraction bits. */
function accumulateProduct(
  dst: number,
  productExponent: number,
  product: number,
  sign: number,
  isNegative: number,
): number {
  const dstExponent = (dst >>> 23) & 0xff;
  const exponent = Math.max(productExponent, dstExponent);
  if (exponent <= 0) return 0;
  let term = 0;
  if (productExponent > 0) {
    const distance = exponent - productExponent;
    term = product << 13;
    if (distance > 0) term = distance >= 31 ? 0 : (term + (1 << (distance - 1)) - isNegative) >> distance;
  }
  let dstTerm = 0;
  if (dstExponent !== 0) {
    const distance = exponent - dstExponent;
    dstTerm = (dst & 0x007f_ffff) | 0x0080_0000;
    if (distance > 0) dstTerm = distance >= 31 ? 0 : (dstTerm + (1 << (distance - 1))) >> distance;
  }
  const sum = ((term + 0x1000 - isNegative) & ~0x1fff) + ((dstTerm + 0x1000) & ~0x1fff);
  return packRounded(sum, exponent, sign);
}

/** A magnitude with 23 fraction bits, rounded to 7 of them, ties away; zero is plus zero. */
function packRounded(magnitude: number, exponent: number, sign: number): number {
  if (magnitude === 0) return 0;
  const leadingBit = 31 - Math.clz32(magnitude);
  let rounded: number;
  let resultExponent = exponent + leadingBit - 23;
  if (leadingBit > 7) {
    rounded = (magnitude + (1 << (leadingBit - 8))) >> (leadingBit - 7);
    if (rounded === 0x100) {
      rounded = 0x80;
      resultExponent++;
    }
  } else {
    rounded = magnitude << (7 - leadingBit);
  }
  if (resultExponent <= 0) return 0;
  return resultExponent >= 255 ? sign | 0x7f80_0000 : sign | (resultExponent << 23) | ((rounded & 0x7f) << 16);
}
