// Float32 values and their bit patterns, one into the other without allocation.

const FLOAT_CELL = new Float32Array(1);
const BITS_CELL = new Uint32Array(FLOAT_CELL.buffer);

/** Bit pattern (0 … 0xFFFF_FFFF) of `value` rounded to float32. */
export function float32Bits(value: number): number {
  FLOAT_CELL[0] = value;
  return BITS_CELL[0]!;
}

/** The float32 whose bit pattern is `bits`; only the low 32 bits count. */
export function float32FromBits(bits: number): number {
  BITS_CELL[0] = bits;
  return FLOAT_CELL[0]!;
}

/** The same memory as bit patterns: writes to one show in the other. */
export function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}
