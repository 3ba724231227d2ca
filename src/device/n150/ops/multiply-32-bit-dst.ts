// ELWMUL of whole rows onto an empty 32-bit Dst in floats, several times as fast as phase by phase: the inner loops of RMSNorm.
// Source: n150-numerics B.2, B.4, B.5; the definition is mulRows of the matrix unit.
// Exactness: bit-exact against that definition (multiply-32-bit-dst.twin.test.ts). Parts of 5 and 7 bits make products of at most 21,
// which Dst and float64 hold whole, so that neither the order nor the rounding of the phases shows.

import { bitsOf } from '../../../numerics/float-bits.ts';
import { PHASE_COUNT } from '../../wormhole/fidelity.ts';
import type { MathFidelity } from '../../wormhole/matmul-engine.ts';
import { elwmul } from '../../wormhole/matrix-unit/eltwise.ts';

const TOP_5_BITS = 0xfff8_0000;
const TOP_7_BITS = 0xfffe_0000;
const TOP_10_BITS = 0xffff_c000;
const TF32 = 0xffff_e000;

/** What of SrcA meets the upper seven bits of SrcB, and what meets the lower four. */
const SRC_A: Readonly<Record<MathFidelity, { readonly meetsUpper: number; readonly meetsLower: number }>> = {
  LoFi: { meetsUpper: TOP_5_BITS, meetsLower: 0 },
  HiFi2: { meetsUpper: TOP_10_BITS, meetsLower: 0 },
  HiFi3: { meetsUpper: TOP_10_BITS, meetsLower: TOP_5_BITS },
  HiFi4: { meetsUpper: TOP_10_BITS, meetsLower: TOP_10_BITS },
};

/** Sums of exponent fields whose products, of every phase and in all, have exponents that Dst can hold. */
const EXPONENTS_MIN = 127 + 13;
const EXPONENTS_MAX = 127 + 252;

/**
 * @param a - [rows, N] float32, SrcA.
 * @param b - [rows, N], or one row [N] or number [1] that every row is multiplied with; SrcB.
 * @returns [rows, N] Dst values; a fresh array.
 */
export type MultiplyRows = (a: Float32Array, b: Float32Array) => Float32Array;

export function createMultiplyRows32(mathFidelity: MathFidelity): MultiplyRows {
  const { meetsUpper, meetsLower } = SRC_A[mathFidelity];
  const phases = Array.from({ length: PHASE_COUNT[mathFidelity] }, (_, phase) => ({ phase, fp32DestAcc: true }));
  const parts = new Float32Array(4);
  const partBits = bitsOf(parts);

  return (a, b) => {
    const aBits = bitsOf(a);
    const bBits = bitsOf(b);
    const product = new Float32Array(a.length);
    const productBits = bitsOf(product);
    for (let i = 0, j = 0; i < aBits.length; i++) {
      const x = aBits[i]!;
      const y = bBits[j]!;
      if (++j === bBits.length) j = 0;
      const exponentX = (x >>> 23) & 0xff;
      const exponentY = (y >>> 23) & 0xff;
      if (exponentX === 0 || exponentY === 0) continue;
      const exponents = exponentX + exponentY;
      if (exponentX === 255 || exponentY === 255 || exponents < EXPONENTS_MIN || exponents > EXPONENTS_MAX) {
        let dst = 0;
        for (const phase of phases) dst = elwmul(x, y, dst, phase);
        productBits[i] = dst;
        continue;
      }
      partBits[0] = x & meetsUpper;
      partBits[1] = y & TOP_7_BITS;
      partBits[2] = x & meetsLower;
      partBits[3] = y & TF32;
      product[i] = parts[0]! * parts[1]! + parts[2]! * (parts[3]! - parts[1]!);
    }
    return product;
  };
}
