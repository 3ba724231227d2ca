// The vector unit's functions of a configuration: which reciprocal, root and SiLU, and how they are stored.
// Source: n150-numerics D and section I. Stores to a 16-bit Dst truncate; the reciprocal of 2024 rounds to BF16 first.
import { roundToBf16TiesAway, roundToBf16TiesEven, truncateToBf16 } from '../../../numerics/bf16.ts';
import type { MatmulTier } from '../matmul-engine.ts';
import { reciprocal2024 } from './reciprocal.ts';
import { silu2026 } from './sigmoid-2026.ts';
import { siluExact, siluPiecewise2024 } from './silu.ts';
import { squareRoot2024 } from './square-root.ts';

export const SILU_KINDS = ['piecewise2024', 'ttnn2026', 'exact'] as const;
export const SFPU_ERAS = ['2024', 'exact'] as const;

export interface VectorUnitKnobs {
  readonly tier: MatmulTier;
  readonly silu: (typeof SILU_KINDS)[number];
  readonly sfpuRoots: (typeof SFPU_ERAS)[number];
}

export type UnaryOp = (x: number) => number;

export interface VectorUnit {
  /** x * sigmoid(x) as the MLP stores it: BF16 (float32 in tier fp32). */
  readonly silu: UnaryOp;
  /** 1 / x as attention stores it: BF16 (float32 in tier fp32). */
  readonly reciprocal: UnaryOp;
  /** 1 / sqrt(x) of RMSNorm: float32, sqrt and then reciprocal as the kernel does. */
  readonly reciprocalRoot: UnaryOp;
}

const reciprocalRoot2024: UnaryOp = (x) => reciprocal2024(squareRoot2024(x));
/** 1 / sqrt(x) rounded once to float32, as ttnn 0.81's rsqrt gives it. */
export const reciprocalRootExact: UnaryOp = (x) => Math.fround(1 / Math.sqrt(x));

const SILUS: Readonly<Record<VectorUnitKnobs['silu'], UnaryOp>> = {
  piecewise2024: (x) => truncateToBf16(siluPiecewise2024(x)),
  ttnn2026: (x) => roundToBf16TiesEven(silu2026(x)),
  exact: (x) => roundToBf16TiesEven(Math.fround(siluExact(x))),
};

/** 1 / x as attention stores it: BF16 (float32 in tier fp32). */
export function createReciprocal({ tier, sfpuRoots }: Pick<VectorUnitKnobs, 'tier' | 'sfpuRoots'>): UnaryOp {
  if (tier === 'fp32') return (x) => Math.fround(1 / x);
  if (sfpuRoots === 'exact') return (x) => roundToBf16TiesEven(Math.fround(1 / x));
  return (x) => roundToBf16TiesAway(reciprocal2024(x));
}

export function createVectorUnit(knobs: VectorUnitKnobs): VectorUnit {
  const { tier, silu, sfpuRoots } = knobs;
  const isFloat32 = tier === 'fp32';
  return {
    silu: isFloat32 ? (x) => Math.fround(siluExact(x)) : SILUS[silu],
    reciprocal: createReciprocal(knobs),
    reciprocalRoot: isFloat32 || sfpuRoots === 'exact' ? reciprocalRootExact : reciprocalRoot2024,
  };
}
