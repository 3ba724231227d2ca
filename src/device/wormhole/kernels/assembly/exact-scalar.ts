// One K tile of tier exact for one row, element by element in integers: the path for any operands whatsoever.
// Source: n150-numerics B.3, B.4, B.6; twin of mvmul.ts and accumulate.ts.
import { PANEL_COLUMNS } from '../job-layout';

/** Wormhole normalises the sum -1 with the wrong shift: its exponent comes out this much above the largest term's. */
const DEFECT_EXPONENT_STEP: i32 = 4;

// @ts-ignore: decorator
@inline
function alignHalfUp(magnitude: i32, distance: i32, less: i32): i32 {
  if (distance == 0) return magnitude;
  return distance >= 31 ? 0 : (magnitude + (1 << (distance - 1)) - less) >> distance;
}

/** Dst (float32 bits) after adding two group sums; exponents <= 0 stand for a zero group. */
export function accumulate(dst: u32, exponent0: i32, sum0: i32, exponent1: i32, sum1: i32, isDst32: bool): u32 {
  const dstExponent = <i32>((dst >> 23) & 0xff);
  const exponent = max(max(exponent0, exponent1), dstExponent);
  if (exponent <= 0) return 0;
  const sign0 = <i32>(sum0 < 0);
  const sign1 = <i32>(sum1 < 0);
  let term0 = exponent0 <= 0 ? 0 : alignHalfUp(abs(sum0) << 13, exponent - exponent0, sign0);
  let term1 = exponent1 <= 0 ? 0 : alignHalfUp(abs(sum1) << 13, exponent - exponent1, sign1);
  let termDst = dstExponent == 0 ? 0 : alignHalfUp((dst & 0x7fffff) | 0x800000, exponent - dstExponent, 0);
  if (!isDst32) {
    term0 = (term0 + 0x1000 - sign0) & ~0x1fff;
    term1 = (term1 + 0x1000 - sign1) & ~0x1fff;
    termDst = (termDst + 0x1000) & ~0x1fff;
  }
  const sum = (sign0 ? -term0 : term0) + (sign1 ? -term1 : term1) + (<i32>dst < 0 ? -termDst : termDst);
  return sum == 0 ? 0 : normalise(sum, exponent, isDst32);
}

/** Sign, exponent and rounded fraction of a nonzero sum with 23 fraction bits. */
function normalise(sum: i32, exponent: i32, isDst32: bool): u32 {
  const sign = <u32>sum & 0x80000000;
  if (sum == -1) return pack(sign, exponent + DEFECT_EXPONENT_STEP, 0);
  const magnitude = abs(sum);
  const fractionBits = isDst32 ? 23 : 7;
  let shift = 31 - clz(magnitude) - fractionBits;
  let rounded = shift > 0 ? (magnitude + (1 << (shift - 1))) >> shift : magnitude << -shift;
  if (rounded >> (fractionBits + 1) != 0) {
    rounded >>= 1;
    shift += 1;
  }
  const fraction = <u32>(rounded & ((1 << fractionBits) - 1)) << (23 - fractionBits);
  return pack(sign, exponent + shift + fractionBits - 23, fraction);
}

// @ts-ignore: decorator
@inline
function pack(sign: u32, exponent: i32, fraction: u32): u32 {
  if (exponent <= 0) return 0;
  return exponent >= 255 ? sign | 0x7f800000 : sign | (<u32>exponent << 23) | fraction;
}

// @ts-ignore: decorator
@inline
function isZero(bits: u32): bool {
  return (bits & 0x7f800000) == 0;
}

// @ts-ignore: decorator
@inline
export function productExponent(a: u32, b: u32, adjustment: i32): i32 {
  if (isZero(a) || isZero(b)) return 0;
  return <i32>((a >> 23) & 0xff) + <i32>((b >> 23) & 0xff) + adjustment;
}

// @ts-ignore: decorator
@inline
export function productMagnitude(a: u32, b: u32, phase: i32): i32 {
  if (isZero(a) || isZero(b)) return 0;
  const significandA = <i32>(0x400 | ((a >> 13) & 0x3ff));
  const significandB = <i32>(0x400 | ((b >> 13) & 0x3ff));
  const partA = (phase & 1) == 0 ? significandA >>> 6 : (significandA >>> 1) & 0x1f;
  const partB = (phase & 2) == 0 ? significandB >>> 4 : (significandB & 0xf) << 3;
  return partA * partB;
}

/**
 * Eight products aligned to their largest exponent and summed: exponent in the high, sum in the low 32 bits.
 *
 * @param a - weights, one every ROW_BYTES.
 * @param b - activations, side by side.
 */
function groupOf(a: usize, b: usize, phase: i32): i64 {
  const adjustment = -127 - ((phase & 1) == 0 ? 0 : 5) - ((phase & 2) == 0 ? 0 : 7);
  let exponent = 0;
  for (let lane: usize = 0; lane < 8; lane++) {
    const x = load<u32>(a + ((lane * PANEL_COLUMNS) << 2));
    exponent = max(exponent, productExponent(x, load<u32>(b + (lane << 2)), adjustment));
  }
  if (exponent <= 0) return 0;
  let sum = 0;
  for (let lane: usize = 0; lane < 8; lane++) {
    const x = load<u32>(a + ((lane * PANEL_COLUMNS) << 2));
    const y = load<u32>(b + (lane << 2));
    const distance = min(exponent - productExponent(x, y, adjustment), 30);
    const aligned = (2 * productMagnitude(x, y, phase) + (1 << distance)) >> (distance + 1);
    sum += <i32>(x ^ y) < 0 ? -aligned : aligned;
  }
  return ((<i64>exponent) << 32) | <i64>(<u32>sum);
}

/**
 * @param in0Row - [32] float32, raw activations.
 * @param strip - [32, 64] float32, raw weights.
 * @param dstRow - [64] float32, updated in place.
 * @param phases - fidelity phases, 1 to 4.
 */
export function exactScalarRow(
  in0Row: usize, strip: usize, dstRow: usize, columns: i32, phases: i32, isDst32: bool,
): void {
  for (let column: usize = 0; column < <usize>columns; column++) {
    let dst = load<u32>(dstRow + (column << 2));
    for (let phase = 0; phase < phases; phase++) {
      for (let half: usize = 0; half < 32; half += 16) {
        const a = strip + ((half * PANEL_COLUMNS + column) << 2);
        const b = in0Row + (half << 2);
        const low = groupOf(a, b, phase);
        const high = groupOf(a + ((8 * PANEL_COLUMNS) << 2), b + 32, phase);
        dst = accumulate(dst, <i32>(low >> 32), <i32>low, <i32>(high >> 32), <i32>high, isDst32);
      }
    }
    store<u32>(dstRow + (column << 2), dst);
  }
}
