// MVMUL and ELWMUL/ELWADD: the worked examples of n150-numerics B.3, B.4, B.5 and B.8.
import { describe, expect, it } from 'vitest';
import { float32Bits, float32FromBits } from '../../../numerics/float-bits.ts';
import { PHASE_COUNT } from '../fidelity.ts';
import type { MathFidelity } from '../matmul-engine.ts';
import { accumulate } from './accumulate.ts';
import { elwadd, elwmul, elwsub } from './eltwise.ts';
import { mvmul } from './mvmul.ts';

const widen = (patterns: readonly number[]) => {
  const lanes = new Uint32Array(16);
  lanes.set(patterns.map((pattern) => pattern << 16));
  return lanes;
};

/** All phases of a fidelity into a Dst that starts at zero; float32 bit pattern. */
function multiplyLanes(srcA: Uint32Array, srcB: Uint32Array, fidelity: MathFidelity, fp32DestAcc: boolean): number {
  let dst = 0;
  for (let phase = 0; phase < PHASE_COUNT[fidelity]; phase++) dst = mvmul(srcA, srcB, dst, { phase, fp32DestAcc });
  return dst >>> 0;
}

describe('mvmul', () => {
  const weights = widen([
    0x3cd3, 0x3ced, 0x3aae, 0xbc7b, 0xbcb3, 0x3a24, 0xbca7, 0xbceb, 0x3b83, 0x3b2f, 0x3c33, 0xbc96, 0x38d2, 0xbaaa,
    0xbcf7, 0x3c30,
  ]);
  const activations = widen([
    0x3ea4, 0x4019, 0x3e50, 0xbe14, 0x3f9e, 0x3e4c, 0x3f69, 0xbebb, 0x3e5f, 0x3f83, 0x3f32, 0x3e04, 0xbf8b, 0x3ee4,
    0x3d9d, 0x3f38,
  ]);

  it.each([
    { fidelity: 'LoFi', dst16: 0x3d6c, dst32: 0x3d6ba800 },
    { fidelity: 'HiFi2', dst16: 0x3d6f, dst32: 0x3d6e1ea0 },
    { fidelity: 'HiFi4', dst16: 0x3d71, dst32: 0x3d6fe996 },
  ] as const)('multiplies the 16 lanes of B.8 in $fidelity', ({ fidelity, dst16, dst32 }) => {
    expect(multiplyLanes(weights, activations, fidelity, false)).toBe(dst16 * 0x1_0000);
    expect(multiplyLanes(weights, activations, fidelity, true)).toBe(dst32);
  });

  it.each([
    { name: 'an activation', a: 0x3f80, b: 0x3f81, LoFi: 0x3f80, HiFi2: 0x3f80, HiFi4: 0x3f81 },
    { name: 'a weight', a: 0x3f81, b: 0x3f80, LoFi: 0x3f80, HiFi2: 0x3f81, HiFi4: 0x3f81 },
  ])('sees the last bit of $name only where B.8 says so', ({ a, b, ...golden }) => {
    for (const fidelity of ['LoFi', 'HiFi2', 'HiFi4'] as const) {
      expect(multiplyLanes(widen([a]), widen([b]), fidelity, false) >>> 16).toBe(golden[fidelity]);
    }
  });

  const one = 0x3f80;
  const twoTo = (power: number) => float32Bits(2 ** power) >>> 16;
  it.each([
    { name: 'seven 2^-11 beside a 1 round up to the grid', lanes: [1, 7], power: -11, golden: 1 + 7 / 1024 },
    { name: 'seven 2^-12 beside a 1 vanish', lanes: [1, 7], power: -12, golden: 1 },
    { name: 'eight 2^-12 in the other group are exact', lanes: [8, 8], power: -12, golden: 1 + 8 / 4096 },
  ])('$name (B.3)', ({ lanes, power, golden }) => {
    const srcB = new Array<number>(16).fill(0);
    srcB[0] = one;
    srcB.fill(twoTo(power), lanes[0]!, lanes[0]! + lanes[1]!);
    expect(multiplyLanes(widen(new Array(16).fill(one)), widen(srcB), 'HiFi2', true)).toBe(float32Bits(golden));
  });

  it('takes denormals for zero', () => {
    expect(multiplyLanes(widen([0x007f, one]), widen([0x7f00, one]), 'HiFi4', true)).toBe(float32Bits(1));
  });
});

describe('accumulate', () => {
  it('rounds a 16-bit Dst twice and away from zero: BF98 + BB64 gives BF99 (B.4)', () => {
    expect(elwadd(0xbf98_0000, 0xbb64_0000, 0, false) >>> 16).toBe(0xbf99);
  });

  it("has Wormhole's defect: a sum of -1 comes out 2^27 too large (B.4)", () => {
    // 8 + 2^-20 in Dst, minus 8 and minus 2^-19: exactly -2^-20, the last bit at exponent field 130.
    const dst = (float32Bits(8) + 1) | 0;
    const sum = accumulate(dst, 130, -(1 << 10), 118, -1, true);
    expect(float32FromBits(sum)).toBe(-(2 ** -20) * 2 ** 27);
  });

  it('gives infinity above the largest exponent and zero below the smallest', () => {
    expect(accumulate(0, 254, 2 << 10, 0, 0, true)).toBe(0x7f80_0000);
    expect(accumulate(0, 1, 1 << 9, 0, 0, true)).toBe(0);
  });
});

describe('element-wise steps', () => {
  const multiply = (a: number, b: number, fidelity: MathFidelity, fp32DestAcc: boolean) => {
    let dst = 0;
    for (let phase = 0; phase < PHASE_COUNT[fidelity]; phase++) {
      dst = elwmul(float32Bits(a), float32Bits(b), dst, { phase, fp32DestAcc });
    }
    return dst >>> 0;
  };

  it.each([
    { fidelity: 'LoFi', fp32DestAcc: false, golden: 10.4375 },
    { fidelity: 'HiFi2', fp32DestAcc: false, golden: 10.4375 },
    { fidelity: 'HiFi3', fp32DestAcc: false, golden: 10.5 },
    { fidelity: 'HiFi4', fp32DestAcc: false, golden: 10.5 },
    { fidelity: 'HiFi2', fp32DestAcc: true, golden: 10.41796875 },
    { fidelity: 'HiFi4', fp32DestAcc: true, golden: 10.458984375 },
  ] as const)('1.3125 * 7.96875 is $golden in $fidelity, 32-bit Dst $fp32DestAcc (B.5)', (example) => {
    expect(multiply(1.3125, 7.96875, example.fidelity, example.fp32DestAcc)).toBe(float32Bits(example.golden));
  });

  it('adds a tie away from zero: 3F80 + 3B80 gives 3F81 (B.8)', () => {
    expect(elwadd(0x3f80_0000, 0x3b80_0000, 0, false)).toBe(0x3f81_0000);
  });

  it('subtracts equal values to plus zero and keeps what a 32-bit Dst can hold', () => {
    expect(elwsub(0x3f80_0000, 0x3f80_0000, 0, false)).toBe(0);
    expect(elwsub(0x3f80_0000, 0x3b80_0000, 0, true)).toBe(float32Bits(1 - 2 ** -8));
  });

  it('accumulates onto Dst', () => {
    expect(elwadd(0x3f80_0000, 0x3f80_0000, float32Bits(3), false)).toBe(float32Bits(5));
  });
});
