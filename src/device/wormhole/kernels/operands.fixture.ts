// Seeded operands for the kernels' tests: ordinary values, zeros, denormals, huge and tiny exponents, specials.
import { float32FromBits } from '../../../numerics/float-bits.ts';

export const OPERAND_KINDS = ['plain', 'sparse', 'aligned', 'wide', 'extreme', 'specials'] as const;
/**
 * plain: a few binades around one; sparse: half of them zeros of either sign; aligned: eight neighbours of one sign and
 * exponent with few different fractions, up to 17 binades from the next eight, so that sums are long and ties common;
 * wide: 40 binades; extreme: every finite exponent, denormals among them; specials: any pattern, infinities and NaN
 * included.
 */
export type OperandKind = (typeof OPERAND_KINDS)[number];

/** A small fast generator (xorshift32); `seed` must not be 0. */
export function createRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** `length` float32 values that hold bfloat16 values. */
export function bf16Operands(length: number, kind: OperandKind, seed: number): Float32Array {
  const random = createRandom(seed);
  if (kind === 'aligned') return alignedOperands(length, random);
  return Float32Array.from({ length }, () => float32FromBits(operandBits(kind, random)));
}

const ALIGNED_OFFSETS = [0, 0, 1, 7, 11, 12, 13, 14, 15, 16, 17];
const ALIGNED_FRACTIONS = [0x7f, 0x7f, 0x7e, 0x7d, 0x40, 0x00, 0x01];

function alignedOperands(length: number, random: () => number): Float32Array {
  let signAndExponent = 0;
  return Float32Array.from({ length }, (_, index) => {
    if (index % 8 === 0) {
      const offset = ALIGNED_OFFSETS[random() % ALIGNED_OFFSETS.length]!;
      signAndExponent = (random() & 0x8000_0000) | ((110 + offset) << 23);
    }
    const fraction = ALIGNED_FRACTIONS[random() % ALIGNED_FRACTIONS.length]!;
    return float32FromBits(signAndExponent | (fraction << 16));
  });
}

function operandBits(kind: Exclude<OperandKind, 'aligned'>, random: () => number): number {
  const word = random();
  const signAndFraction = (word & 0x8000_0000) | (word & 0x007f_0000);
  const pick = random();
  switch (kind) {
    case 'plain':
      return signAndFraction | ((124 + (pick % 6)) << 23);
    case 'sparse':
      return (pick & 1) === 0 ? word & 0x8000_0000 : signAndFraction | ((120 + (pick % 9)) << 23);
    case 'wide':
      return signAndFraction | ((107 + (pick % 40)) << 23);
    case 'extreme':
      return signAndFraction | ((pick % 255) << 23);
    case 'specials':
      return word & 0xffff_0000;
  }
}
