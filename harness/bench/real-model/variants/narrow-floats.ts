// Rounding to few bits, to nearest with ties to even: integers, and floats of 16 and 8 bits as patterns.
// Source: IEEE 754 binary16; OCP 8-bit floating point, E4M3 (the bias is 7, there is no infinity, 448 is the largest).
import { float32Bits, float32FromBits } from '../../../../src/numerics/float-bits.ts';

/** Fraction bits and the exponent of the smallest normal number, below which steps stay as they are. */
interface NarrowFloat {
  readonly fractionBits: number;
  readonly lowestExponent: number;
  readonly largest: number;
  readonly signBit: number;
}

export const F16: NarrowFloat = { fractionBits: 10, lowestExponent: -14, largest: 65_504, signBit: 0x8000 };
export const E4M3: NarrowFloat = { fractionBits: 3, lowestExponent: -6, largest: 448, signBit: 0x80 };

/** To the nearest integer, ties to the even one, as PyTorch's `round`. */
export function roundTiesEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** The pattern of the nearest number of a format; what is beyond its largest becomes that. */
export function narrowPattern(value: number, { fractionBits, lowestExponent, largest, signBit }: NarrowFloat): number {
  const size = Math.min(Math.abs(value), largest);
  const exponent = Math.max((float32Bits(size) >>> 23) - 127, lowestExponent);
  // A power of two: the product is exact.
  const steps = roundTiesEven(size * float32FromBits((127 + fractionBits - exponent) << 23));
  return (value < 0 ? signBit : 0) + ((exponent - lowestExponent) << fractionBits) + steps;
}
