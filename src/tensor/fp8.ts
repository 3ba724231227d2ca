// The 256 values of the 8-bit float E4M3 as float32, for checkpoints that store weights in it.
// Source: OCP 8-bit floating point specification 1.0, E4M3 (torch.float8_e4m3fn, safetensors F8_E4M3): bias 7, no infinity.
// Exactness: every value is a float32; the two patterns with all lower bits set are NaN.

const EXPONENT_BIAS = 7;
const FRACTION_BITS = 3;

/** Pattern -> value: [256] float32. 0x7f and 0xff are NaN, 0x80 is -0. */
export const FP8_E4M3_VALUES: Float32Array = Float32Array.from({ length: 256 }, (_, pattern) => valueOfE4m3(pattern));

function valueOfE4m3(pattern: number): number {
  const sign = pattern < 0x80 ? 1 : -1;
  const exponent = (pattern >> FRACTION_BITS) & 0xf;
  const fraction = pattern & 0x7;
  if (exponent === 0xf && fraction === 0x7) return Number.NaN;
  // Exponent 0 has no hidden bit and counts as 1: those are the subnormals.
  const significand = exponent === 0 ? fraction : fraction + 2 ** FRACTION_BITS;
  return sign * significand * 2 ** (Math.max(exponent, 1) - EXPONENT_BIAS - FRACTION_BITS);
}
