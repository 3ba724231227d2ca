// The two exponentials of flash decode: weights of keys, and decays of what came before a new maximum.
// Source: n150-numerics C.3, D.1, D.2; ttnn 0.81's kernel as its recordings show it (weights by the fast exponential,
// decays by a polynomial whose scale is cut to bfloat16).
// Exactness: that of the function chosen; stores to a 16-bit Dst truncate, a 32-bit one is packed with ties away.
import { roundToBf16TiesAway, roundToBf16TiesEven, truncateToBf16 } from '../../../numerics/bf16.ts';
import type { MatmulTier } from '../matmul-engine.ts';
import { expAccurate2024 } from './exp-accurate-2024.ts';
import { expExact } from './exp-exact.ts';
import { expFastFloat32 } from './exp-fast.ts';
import { expPolynomial2026 } from './exp-polynomial-2026.ts';

/** e^(scale * difference) as attention stores it: BF16 (float32 in tier fp32). */
export type ExpOfDifference = (difference: number) => number;

export interface AttentionExponentials {
  readonly weight: ExpOfDifference;
  readonly decay: ExpOfDifference;
}

export const SDPA_EXPS = ['fastApprox', 'accurate2024', 'ttnn2026', 'exact'] as const;

export interface ExponentialKnobs {
  readonly tier: MatmulTier;
  readonly sdpaExp: (typeof SDPA_EXPS)[number];
  readonly sdpaFp32DestAcc: boolean;
}

/** Degree of the decays' polynomial: 2 for a 16-bit Dst, 4 for a 32-bit one. */
const decayDegree = (sdpaFp32DestAcc: boolean): 2 | 4 => (sdpaFp32DestAcc ? 4 : 2);

/** @param scale - multiplies the difference in float32; 1 where the scores are scaled already. */
export function createAttentionExponentials(
  { tier, sdpaExp, sdpaFp32DestAcc }: ExponentialKnobs,
  scale: number,
): AttentionExponentials {
  const scaled = (difference: number): number => Math.fround(difference * scale);
  const both = (exp: ExpOfDifference): AttentionExponentials => ({ weight: exp, decay: exp });
  if (tier === 'fp32') return both((difference) => Math.fround(expExact(scaled(difference))));
  const stored = sdpaFp32DestAcc ? roundToBf16TiesAway : truncateToBf16;
  switch (sdpaExp) {
    case 'fastApprox':
      return both((difference) => stored(expFastFloat32(scaled(difference))));
    case 'accurate2024':
      return both((difference) => stored(expAccurate2024(scaled(difference))));
    case 'exact':
      return both((difference) => roundToBf16TiesEven(Math.fround(expExact(scaled(difference)))));
    case 'ttnn2026': {
      const decayScale = truncateToBf16(scale);
      const degree = decayDegree(sdpaFp32DestAcc);
      return {
        weight: (difference) => stored(expFastFloat32(scaled(difference))),
        // The kernel rounds to BF16 itself where Dst has 16 bits, the packer where it has 32: ties away in both.
        decay: (difference) => roundToBf16TiesAway(expPolynomial2026(Math.fround(difference * decayScale), degree)),
      };
    }
  }
}
