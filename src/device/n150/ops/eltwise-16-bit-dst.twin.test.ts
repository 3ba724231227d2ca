// The graph's element-wise inner loops against the matrix unit's instructions, over edge patterns and random operands.
import { describe, expect, it } from 'vitest';
import { PHASE_COUNT } from '../../wormhole/fidelity.ts';
import type { MathFidelity } from '../../wormhole/matmul-engine.ts';
import { elwadd, elwmul } from '../../wormhole/matrix-unit/eltwise.ts';
import { add16, multiply16 } from './eltwise-16-bit-dst.ts';

const EDGES = [
  0x0000, 0x8000, 0x0001, 0x807f, 0x0080, 0x00ff, 0x3f7f, 0x3f80, 0x3f81, 0xbf80, 0xbf98, 0x3b80, 0xbb64, 0x4000,
  0x40ff, 0x7f00, 0x7f7f, 0xff7f, 0x7f80, 0x1f80, 0x2081,
];

/** A linear congruential generator: seeded, so that a failure can be repeated. */
function randomPatterns(count: number, seed: number): Uint16Array {
  let state = seed;
  return Uint16Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const sign = (state >>> 31) << 15;
    // Half of the operands share a narrow range of exponents, where alignment matters.
    const exponent = (state & 1) === 0 ? 120 + ((state >>> 8) % 14) : (state >>> 8) & 0xff;
    return sign | (exponent << 7) | ((state >>> 20) & 0x7f);
  });
}

const RANDOM = [...randomPatterns(300, 7)];
const OPERANDS = [...EDGES, ...RANDOM].map((pattern) => (pattern << 16) >>> 0);

describe('add16', () => {
  it('adds as ELWADD onto an empty 16-bit Dst', () => {
    let differing = 0;
    for (const a of OPERANDS) {
      for (const b of OPERANDS) if ((add16(a, b) | 0) !== (elwadd(a, b, 0, false) | 0)) differing++;
    }
    expect(differing).toBe(0);
  });

  it('rounds the tie of B.8 away from zero', () => {
    expect(add16(0x3f80_0000, 0x3b80_0000)).toBe(0x3f81_0000);
  });
});

describe('multiply16', () => {
  it.each(['LoFi', 'HiFi2', 'HiFi3', 'HiFi4'] as const)('multiplies as ELWMUL in %s', (fidelity: MathFidelity) => {
    const phases = PHASE_COUNT[fidelity];
    let differing = 0;
    for (const a of OPERANDS) {
      for (const b of OPERANDS) {
        let dst = 0;
        for (let phase = 0; phase < phases; phase++) dst = elwmul(a, b, dst, { phase, fp32DestAcc: false });
        if ((multiply16(a, b, phases) | 0) !== (dst | 0)) differing++;
      }
    }
    expect(differing).toBe(0);
  });

  it.each([
    { fidelity: 'LoFi', product: 10.4375 },
    { fidelity: 'HiFi2', product: 10.4375 },
    { fidelity: 'HiFi3', product: 10.5 },
    { fidelity: 'HiFi4', product: 10.5 },
  ] as const)("gives silicon's 1.3125 * 7.96875 = $product in $fidelity (B.5)", ({ fidelity, product }) => {
    const bits = new Float32Array([1.3125, 7.96875, product]);
    const [a, b, wanted] = new Uint32Array(bits.buffer);
    expect(multiply16(a!, b!, PHASE_COUNT[fidelity])).toBe(wanted);
  });
});
