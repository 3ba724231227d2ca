// KL as 16 bits: a float with six bits of exponent and ten of mantissa, without a sign; bit pattern in, bit pattern out.
// Exactness: half a unit in the last place, one part in 2048, from 2^-40 to 2^24 nat; what lies below is 0, what lies above is the largest.

/** Of a token that has no KL. */
export const NO_KL = 0xffff;
/** Of a KL as large or larger. */
export const LARGEST_KL = 0xfffe;
/** Mantissa bits of float32 that are dropped. */
const DROPPED_BITS = 13;
/** Code 1 is 2^-40, whose exponent field in float32 is 87. */
const FIRST = (87 << (23 - DROPPED_BITS)) - 1;

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** @param klNats - null: there is none; what rounding left below 0 counts as 0. @returns 0 … 0xffff, rising with KL. */
export function encodeKl(klNats: number | null): number {
  if (klNats === null || Number.isNaN(klNats)) return NO_KL;
  float[0] = Math.max(0, klNats);
  const pattern = bits[0]!;
  const tail = pattern & ((1 << DROPPED_BITS) - 1);
  const half = 1 << (DROPPED_BITS - 1);
  const kept = pattern >>> DROPPED_BITS;
  const isUp = tail > half || (tail === half && (kept & 1) === 1);
  return Math.min(LARGEST_KL, Math.max(0, kept + (isUp ? 1 : 0) - FIRST));
}

/** @param code - of `encodeKl`. @returns nat; NaN where there is none. */
export function decodeKl(code: number): number {
  if (code === NO_KL) return Number.NaN;
  if (code === 0) return 0;
  bits[0] = ((code + FIRST) << DROPPED_BITS) >>> 0;
  return float[0]!;
}

/** base64 of codes, little-endian. */
export function packCodes(codes: ArrayLike<number>): string {
  const bytes = Buffer.alloc(2 * codes.length);
  for (let i = 0; i < codes.length; i++) bytes.writeUInt16LE(codes[i]!, 2 * i);
  return bytes.toString('base64');
}

/** @returns [tokens] codes. */
export function unpackCodes(text: string): Uint16Array {
  const bytes = Buffer.from(text, 'base64');
  return Uint16Array.from({ length: bytes.length >> 1 }, (_, i) => bytes.readUInt16LE(2 * i));
}

/** base64 of bits, the lowest of each byte first. */
export function packBits(values: ArrayLike<number>): string {
  const bytes = Buffer.alloc(Math.ceil(values.length / 8));
  for (let i = 0; i < values.length; i++) if (values[i] === 1) bytes[i >> 3]! |= 1 << (i & 7);
  return bytes.toString('base64');
}

/** @returns [count] 0 or 1. */
export function unpackBits(text: string, count: number): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  return Uint8Array.from({ length: count }, (_, i) => (bytes[i >> 3]! >> (i & 7)) & 1);
}
