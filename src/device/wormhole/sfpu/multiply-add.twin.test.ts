// multiply-add.ts beside Wormhole's own multiply-add: they differ, and no stored value of the vector unit's functions shows it.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { float32FromBits } from '../../../numerics/float-bits.ts';
import { truncateToTf32 } from '../../../numerics/tf32.ts';
import { multiplyAdd } from './multiply-add.ts';
import { wormholeMultiplyAdd } from './wormhole-multiply-add.fixture.ts';

/** Every finite bfloat16. */
const INPUTS = Array.from({ length: 0x1_0000 }, (_, pattern) => pattern)
  .filter((pattern) => (pattern & 0x7f80) !== 0x7f80)
  .map((pattern) => float32FromBits(pattern << 16));

/** What RMSNorm takes the root of, generously; at the ends of float32's range products underflow in one and not in the other. */
const isMeanSquare = (x: number): boolean => x >= 2 ** -60 && x <= 2 ** 100;

type Stored = (x: number) => number;

/** The functions of the decode graph as they are stored, built on the multiply-add that is in force. */
async function storedFunctions(): Promise<Readonly<Record<string, Stored>>> {
  const { createVectorUnit } = await import('./vector-unit.ts');
  const { createAttentionExponentials } = await import('./attention-exponentials.ts');
  const { exp2026 } = await import('./exp-2026.ts');
  const { roundToBf16TiesEven } = await import('../../../numerics/bf16.ts');
  const stored = { tier: 'fast', sdpaFp32DestAcc: false } as const;
  const demo = { ...stored, silu: 'piecewise2024', sfpuRoots: '2024', sdpaExp: 'fastApprox' } as const;
  const later = { ...stored, silu: 'ttnn2026', sfpuRoots: 'exact', sdpaExp: 'ttnn2026' } as const;
  const of2024 = createVectorUnit(demo);
  const of2026 = createVectorUnit(later);
  /** Attention's exponentials never see more than 0. */
  const belowZero =
    (exp: Stored): Stored =>
    (x) =>
      exp(-Math.abs(x));
  return {
    'reciprocal of 2024': of2024.reciprocal,
    'SiLU of 2024': of2024.silu,
    'fast exponential': belowZero(createAttentionExponentials(demo, 1).weight),
    'accurate exponential of 2024': belowZero(
      createAttentionExponentials({ ...demo, sdpaExp: 'accurate2024' }, 1).weight,
    ),
    // What SrcB takes of it in HiFi4; HiFi2 takes less.
    '1 / root of 2024': (x) => (isMeanSquare(x) ? truncateToTf32(of2024.reciprocalRoot(x)) : 0),
    'SiLU of ttnn 0.81': of2026.silu,
    'decay of ttnn 0.81': belowZero(createAttentionExponentials(later, 1).decay),
    'exponential of ttnn 0.81': (x) => roundToBf16TiesEven(exp2026(x)),
  };
}

afterEach(() => {
  vi.doUnmock('./multiply-add.ts');
  vi.resetModules();
});

describe("Wormhole's multiply-add", () => {
  it.each([
    { a: 1, b: 1, c: 1, sum: 2 },
    { a: 1.5, b: -2, c: 3, sum: 0 },
    { a: 2 ** -100, b: 2 ** -100, c: 5, sum: 5 },
    { a: 3, b: 2 ** -126, c: -(2 ** -125), sum: 2 ** -126 },
    // Half a unit in the last place: to even.
    { a: 2 ** -24, b: 1, c: 1, sum: 1 },
    { a: 1 + 2 ** -23, b: 2 ** -24, c: 1, sum: 1 + 2 ** -23 },
    // What a fused one keeps is gone after the product's three extra bits: the truth is 2^-46.
    { a: 1 + 2 ** -23, b: 1 + 2 ** -23, c: -(1 + 2 ** -22), sum: 2 ** -26 },
  ])('$a * $b + $c is $sum', ({ a, b, c, sum }) => {
    expect(wormholeMultiplyAdd(a, b, c)).toBe(sum);
  });

  it('differs from multiply-add.ts where operands cancel: in 1 to 10 % of random triples, by a unit at most of the addend', () => {
    let state = 1;
    const random = (): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.fround(state / 2 ** 31 - 1);
    };
    let differing = 0;
    for (let i = 0; i < 100_000; i++) {
      const [a, b, c] = [random(), random(), random()];
      const distance = Math.abs(wormholeMultiplyAdd(a, b, c) - multiplyAdd(a, b, c));
      if (distance > 0) differing++;
      expect(distance).toBeLessThanOrEqual(2 ** -23);
    }
    process.stdout.write(`multiply-add: ${differing / 1000} % of random triples differ\n`);
    expect(differing).toBeGreaterThan(1000);
    expect(differing).toBeLessThan(10_000);
  });
});

describe('functions of the vector unit', () => {
  it('store the same bits with either multiply-add, for every bfloat16', async () => {
    vi.resetModules();
    const shorter = await storedFunctions();
    vi.doMock('./multiply-add.ts', () => ({ multiplyAdd: wormholeMultiplyAdd }));
    vi.resetModules();
    const wormhole = await storedFunctions();
    const differing = Object.fromEntries(
      Object.entries(shorter).map(([name, stored]) => [
        name,
        INPUTS.filter((x) => !Object.is(stored(x), wormhole[name]!(x))).length,
      ]),
    );
    expect(INPUTS).toHaveLength(65_280);
    expect(differing).toEqual(Object.fromEntries(Object.keys(shorter).map((name) => [name, 0])));
  });
});
