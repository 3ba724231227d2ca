// Laws of the matrix unit: symmetry in sign, independence of lane order within a group, neutrality of zero.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { elwadd, elwmul } from './eltwise.ts';
import { mvmul } from './mvmul.ts';

const SEED = 20_241_115;
const ZERO = new Uint32Array(16);

/** bfloat16 values as float32 bit patterns, exponents around one. */
const bf16Bits = fc
  .tuple(fc.integer({ min: 0, max: 1 }), fc.integer({ min: 100, max: 150 }), fc.integer({ min: 0, max: 127 }))
  .map(([sign, exponent, mantissa]) => ((sign << 31) | (exponent << 23) | (mantissa << 16)) >>> 0);
const lanes = fc.array(bf16Bits, { minLength: 16, maxLength: 16 });
const phase = fc.integer({ min: 0, max: 3 });

describe('mvmul', () => {
  it('leaves Dst alone when one side is zero', () => {
    fc.assert(
      fc.property(lanes, bf16Bits, phase, fc.boolean(), (a, dst, atPhase, fp32DestAcc) => {
        expect(mvmul(Uint32Array.from(a), ZERO, dst, { phase: atPhase, fp32DestAcc }) >>> 0).toBe(dst);
      }),
      { seed: SEED },
    );
  });

  it('does not depend on the order of lanes within a group of eight', () => {
    fc.assert(
      fc.property(lanes, lanes, bf16Bits, phase, fc.boolean(), (a, b, dst, atPhase, fp32DestAcc) => {
        const options = { phase: atPhase, fp32DestAcc };
        const reversed = (source: readonly number[]) =>
          Uint32Array.from([...source.slice(0, 8).reverse(), ...source.slice(8).reverse()]);
        expect(mvmul(reversed(a), reversed(b), dst, options)).toBe(
          mvmul(Uint32Array.from(a), Uint32Array.from(b), dst, options),
        );
      }),
      { seed: SEED },
    );
  });
});

describe('element-wise steps', () => {
  it('multiply symmetrically in sign', () => {
    fc.assert(
      fc.property(bf16Bits, bf16Bits, phase, (a, b, atPhase) => {
        const options = { phase: atPhase, fp32DestAcc: false };
        const product = elwmul(a, b, 0, options) >>> 0;
        const negated = elwmul((a ^ 0x8000_0000) >>> 0, b, 0, options) >>> 0;
        expect(negated).toBe(product === 0 ? 0 : (product ^ 0x8000_0000) >>> 0);
      }),
      { seed: SEED },
    );
  });

  it('add commutatively', () => {
    fc.assert(
      fc.property(bf16Bits, bf16Bits, fc.boolean(), (a, b, fp32DestAcc) => {
        expect(elwadd(a, b, 0, fp32DestAcc)).toBe(elwadd(b, a, 0, fp32DestAcc));
      }),
      { seed: SEED },
    );
  });
});
