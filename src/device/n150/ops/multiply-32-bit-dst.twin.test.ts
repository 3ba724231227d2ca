// Products with a 32-bit Dst in floats against the matrix unit's phases.
import { describe, expect, it } from 'vitest';
import { bitsOf } from '../../../numerics/float-bits.ts';
import { bf16Operands, createRandom, OPERAND_KINDS } from '../../wormhole/kernels/operands.fixture.ts';
import { MATH_FIDELITIES } from '../../wormhole/matmul-engine.ts';
import { mulRows } from '../../wormhole/matrix-unit/eltwise-rows.ts';
import { createMultiplyRows32 } from './multiply-32-bit-dst.ts';

const LENGTH = 4000;

/** BF16 operands with random low halves, as float32 sums have them. */
function float32Operands(kind: (typeof OPERAND_KINDS)[number], seed: number): Float32Array {
  const values = bf16Operands(LENGTH, kind, seed);
  const random = createRandom(seed + 1);
  const bits = bitsOf(values);
  for (let i = 0; i < LENGTH; i++) bits[i] = bits[i]! | (random() & 0xffff);
  return values;
}

describe.each(MATH_FIDELITIES)('multiplying rows with a 32-bit Dst in %s', (mathFidelity) => {
  const multiply = createMultiplyRows32(mathFidelity);
  const options = { fp32DestAcc: true, mathFidelity };

  it.each(OPERAND_KINDS)('has the bits of ELWMUL for %s operands', (kind) => {
    const a = float32Operands(kind, 11);
    const b = float32Operands(kind, 23);
    expect(bitsOf(multiply(a, b))).toEqual(bitsOf(mulRows(a, b, options)));
  });

  it('has the bits of ELWMUL where exponents leave the range of Dst', () => {
    // Every exponent of one against 2^-63 and 2^64: products from below the smallest float to beyond the largest.
    const a = new Float32Array(256);
    bitsOf(a).set(Uint32Array.from(a, (_, exponent) => (exponent << 23) | 0x7f_a000));
    for (const exponent of [64, 191]) {
      const b = new Float32Array(1);
      bitsOf(b)[0] = (exponent << 23) | 0x7f_e000;
      expect(bitsOf(multiply(a, b))).toEqual(bitsOf(mulRows(a, b, options)));
    }
  });

  it('multiplies every row with one row', () => {
    const a = float32Operands('plain', 5);
    const b = float32Operands('plain', 7).slice(0, 40);
    expect(bitsOf(multiply(a, b))).toEqual(bitsOf(mulRows(a, b, options)));
  });
});
