// bfloat16 rounding of four float32 lanes, and the scalar forms of the packer.

// @ts-ignore: decorator
@inline
export function roundToBf16TiesEven(value: v128): v128 {
  const lowestKeptBit = v128.and(i32x4.shr_u(value, 16), i32x4.splat(1));
  return v128.and(i32x4.add(i32x4.add(value, i32x4.splat(0x7fff)), lowestKeptBit), i32x4.splat(0xffff0000));
}

/** Float32 bits to bfloat16, nearest, ties away; infinity stays, a NaN becomes infinity of its sign. */
// @ts-ignore: decorator
@inline
export function bf16TiesAwayBits(bits: u32): u32 {
  if ((bits & 0x7f800000) == 0x7f800000) return (bits & 0x80000000) | 0x7f800000;
  return (bits + 0x8000) & 0xffff0000;
}
