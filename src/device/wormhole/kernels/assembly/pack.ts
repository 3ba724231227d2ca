// The packer: what leaves Dst for L1, in place on float32 values; twin of packInPlace in matmul-blocks.ts.
import { FORMAT_BF16, FORMAT_BFP8, PANEL_COLUMNS } from '../job-layout';
import { bf16TiesAwayBits } from './bf16';

/** The value of one device-packed BFP8_B datum (float32 bits); the exponent wraps modulo 256. */
// @ts-ignore: decorator
@inline
function valueBits(sharedExponent: i32, sign: u32, magnitude: i32): u32 {
  if (magnitude == 0) return 0;
  const shift = clz(magnitude) - 25;
  return sign | (<u32>((sharedExponent - shift) & 0xff) << 23) | (<u32>((magnitude << shift) & 0x3f) << 17);
}

/** Sixteen values to BFP8_B and back; what lies below bfloat16 is cut first. */
function packGroup(values: usize, doubleRound: bool): void {
  let sharedExponent = 0;
  for (let i: usize = 0; i < 64; i += 4) {
    let pattern = load<u32>(values + i) >> 16;
    if (doubleRound) pattern = (pattern + 1) & 0xfffe;
    store<u32>(values + i, pattern);
    sharedExponent = max(sharedExponent, <i32>((pattern >> 7) & 0xff));
  }
  for (let i: usize = 0; i < 64; i += 4) {
    const pattern = load<u32>(values + i);
    const exponent = <i32>((pattern >> 7) & 0xff);
    const shift = sharedExponent - exponent;
    const significand = (exponent == 0 ? 0 : 0x80) | <i32>(pattern & 0x7f);
    const magnitude = shift >= 8 ? 0 : min((significand + (1 << shift)) >> (shift + 1), 127);
    store<u32>(values + i, valueBits(sharedExponent, (pattern & 0x8000) << 16, magnitude));
  }
}

/** [rows, 64] values of Dst to `format`. A 16-bit Dst is BF16 already and widens to FP32 exactly. */
export function packPanel(values: usize, rows: i32, format: i32, isDst32: bool, doubleRound: bool): void {
  const end = values + ((<usize>rows * PANEL_COLUMNS) << 2);
  if (format == FORMAT_BFP8) {
    for (let group = values; group < end; group += 64) packGroup(group, doubleRound);
  } else if (format == FORMAT_BF16 && isDst32) {
    for (let value = values; value < end; value += 4) store<u32>(value, bf16TiesAwayBits(load<u32>(value)));
  }
}
