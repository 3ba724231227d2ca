// Rotary embedding tables: angles in float64, one rounding to float32 per entry; YaRN where the config asks for it.
// Source: Hugging Face Transformers `modeling_rope_utils` (default and yarn); YaRN, arXiv 2309.00071.
// Exactness: angle, cosine and scale in float64, so each entry is the rounding of a value good to about 1e-10 at position
// 131,071 (Transformers computes angles in float32 and errs by 4e-3 there).
import type { ModelConfig, YarnRopeScaling } from '../src/checkpoint/config.ts';

export interface RotaryFrequencies {
  /** [D/2] float64, radians per position. */
  readonly inverseFrequencies: Float64Array;
  /** Factor on every cosine and sine; 1 without YaRN. */
  readonly attentionFactor: number;
}

export interface RotaryTables {
  /** [positions, D/2] float32. */
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

type RotaryConfig = Pick<ModelConfig, 'headDim' | 'ropeTheta' | 'ropeScaling'>;

export function rotaryFrequencies({ headDim, ropeTheta, ropeScaling }: RotaryConfig): RotaryFrequencies {
  const inverseFrequencies = Float64Array.from({ length: headDim / 2 }, (_, i) => ropeTheta ** ((-2 * i) / headDim));
  if (ropeScaling === undefined) return { inverseFrequencies, attentionFactor: 1 };
  const { first, last } = yarnRamp(headDim, ropeTheta, ropeScaling);
  return {
    inverseFrequencies: inverseFrequencies.map((frequency, i) => {
      const interpolated = Math.min(1, Math.max(0, (i - first) / (last - first)));
      return (frequency / ropeScaling.factor) * interpolated + frequency * (1 - interpolated);
    }),
    attentionFactor: yarnAttentionFactor(ropeScaling),
  };
}

/** Cosines and sines of `count` positions from `firstPosition` on. */
export function rotaryTables(frequencies: RotaryFrequencies, firstPosition: number, count: number): RotaryTables {
  const { inverseFrequencies, attentionFactor } = frequencies;
  const half = inverseFrequencies.length;
  const cos = new Float32Array(count * half);
  const sin = new Float32Array(count * half);
  for (let row = 0; row < count; row++) {
    for (let i = 0; i < half; i++) {
      const angle = (firstPosition + row) * inverseFrequencies[i]!;
      cos[row * half + i] = Math.cos(angle) * attentionFactor;
      sin[row * half + i] = Math.sin(angle) * attentionFactor;
    }
  }
  return { cos, sin };
}

/** Between the dimensions that turn `betaFast` and `betaSlow` times within the original context, YaRN interpolates. */
function yarnRamp(headDim: number, theta: number, scaling: YarnRopeScaling): { first: number; last: number } {
  const dimensionOf = (rotations: number): number =>
    (headDim * Math.log(scaling.originalMaxPositionEmbeddings / (rotations * 2 * Math.PI))) / (2 * Math.log(theta));
  const exactFirst = dimensionOf(scaling.betaFast);
  const exactLast = dimensionOf(scaling.betaSlow);
  const first = Math.max(scaling.truncate ? Math.floor(exactFirst) : exactFirst, 0);
  const last = Math.min(scaling.truncate ? Math.ceil(exactLast) : exactLast, headDim - 1);
  // Transformers keeps the ramp from becoming a division by zero in the same way.
  return { first, last: first === last ? last + 0.001 : last };
}

function yarnAttentionFactor({ attentionFactor, factor, mscale, mscaleAllDim }: YarnRopeScaling): number {
  if (attentionFactor !== undefined) return attentionFactor;
  const scaleOf = (weight: number): number => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1);
  return mscale && mscaleAllDim ? scaleOf(mscale) / scaleOf(mscaleAllDim) : scaleOf(1);
}
