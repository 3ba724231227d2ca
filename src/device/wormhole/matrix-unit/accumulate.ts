// What the matrix unit adds to Dst: two group sums and Dst's own value, aligned, summed, normalised and rounded.
// Source: n150-numerics B.4, the Wormhole defect included.
// Exactness: bit-exact against 8000 steps of the simulator.

/** Shifts right by `distance`, half a unit added first; negative terms lose one more (two's complement halves). */
function alignGroup(magnitude: number, distance: number, sign: number): number {
  if (distance === 0) return magnitude;
  return distance >= 31 ? 0 : (magnitude + (1 << (distance - 1)) - sign) >> distance;
}

function alignDst(magnitude: number, distance: number): number {
  if (distance === 0) return magnitude;
  return distance >= 31 ? 0 : (magnitude + (1 << (distance - 1))) >> distance;
}

/**
 * Dst after adding two group sums.
 *
 * @param dstBits - float32 bit pattern of Dst before; a 16-bit Dst is widened.
 * @param exponent0 - biased exponent of the first group; <= 0 means that the group is zero.
 * @param sum0 - signed sum of the first group, 10 fraction bits.
 * @param exponent1 - as `exponent0`, second group.
 * @param sum1 - as `sum0`, second group.
 * @param isDst32 - whether Dst is 32 bits wide (`fp32_dest_acc_en`).
 * @returns float32 bit pattern as a signed 32-bit integer; the low 16 bits are zero when Dst is 16 bits wide.
 */
export function accumulate(
  dstBits: number,
  exponent0: number,
  sum0: number,
  exponent1: number,
  sum1: number,
  isDst32: boolean,
): number {
  const dstExponent = (dstBits >>> 23) & 0xff;
  const exponent = Math.max(exponent0, exponent1, dstExponent);
  if (exponent <= 0) return 0;

  const sign0 = sum0 >>> 31;
  const sign1 = sum1 >>> 31;
  let term0 = exponent0 <= 0 ? 0 : alignGroup(Math.abs(sum0) << 13, exponent - exponent0, sign0);
  let term1 = exponent1 <= 0 ? 0 : alignGroup(Math.abs(sum1) << 13, exponent - exponent1, sign1);
  let termDst = dstExponent === 0 ? 0 : alignDst((dstBits & 0x007f_ffff) | 0x0080_0000, exponent - dstExponent);
  if (!isDst32) {
    term0 = (term0 + 0x1000 - sign0) & ~0x1fff;
    term1 = (term1 + 0x1000 - sign1) & ~0x1fff;
    termDst = (termDst + 0x1000) & ~0x1fff;
  }
  const sum = (sign0 === 0 ? term0 : -term0) + (sign1 === 0 ? term1 : -term1) + (dstBits < 0 ? -termDst : termDst);
  return sum === 0 ? 0 : normalise(sum, exponent, isDst32);
}

/**
 * Wormhole's defect: the sum -1, all but the last bit cancelled, is normalised by a shift of -4 instead of 23, so its
 * exponent comes out 27 too high. A 16-bit Dst cannot get there: its terms are multiples of 2^13.
 */
const DEFECT_EXPONENT_STEP = 4;

/** Sign, exponent and rounded fraction of a nonzero sum with 23 fraction bits. */
function normalise(sum: number, exponent: number, isDst32: boolean): number {
  const sign = sum & 0x8000_0000;
  const magnitude = Math.abs(sum);
  if (sum === -1) return packed(sign, exponent + DEFECT_EXPONENT_STEP, 0);
  const fractionBits = isDst32 ? 23 : 7;
  const leadingBit = 31 - Math.clz32(magnitude);
  let shift = leadingBit - fractionBits;
  let rounded = shift > 0 ? (magnitude + (1 << (shift - 1))) >> shift : magnitude << -shift;
  if (rounded >> (fractionBits + 1) !== 0) {
    rounded >>= 1;
    shift += 1;
  }
  const fraction = (rounded & ((1 << fractionBits) - 1)) << (23 - fractionBits);
  return packed(sign, exponent + shift + fractionBits - 23, fraction);
}

function packed(sign: number, exponent: number, fraction: number): number {
  if (exponent <= 0) return 0;
  return exponent >= 255 ? sign | 0x7f80_0000 : sign | (exponent << 23) | fraction;
}
