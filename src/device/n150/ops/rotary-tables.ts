// Cosines and sines of the rotation matrix for a position, as the host makes them for each step.
// Source: n150-numerics C.2: angle = position * theta^(-2i/D) in float32, cosine and sine rounded to nearest even.
// YaRN (Hugging Face `rope_scaling`): frequencies blended between interpolation and extrapolation, tables times a factor.
import { roundToBf16TiesEven } from '../../../numerics/bf16.ts';
import { naturalLogarithm, powerOf, sinCos } from './sin-cos.ts';

export interface YarnScaling {
  readonly factor: number;
  readonly originalMaxPositions: number;
  readonly betaFast: number;
  readonly betaSlow: number;
  readonly attentionFactor: number;
  /** Whether the blend's limits are rounded to whole dimensions. */
  readonly truncate: boolean;
}

export interface RotaryFrequencies {
  /** [D/2] radians per position, float32. */
  readonly perPosition: Float32Array;
  /** Multiplies every cosine and sine; 1 without YaRN. */
  readonly tableFactor: number;
}

/** @param headDim - D, even. */
export function rotaryFrequencies(headDim: number, theta: number, yarn: YarnScaling | undefined): RotaryFrequencies {
  const half = headDim / 2;
  const perPosition = new Float32Array(half);
  const low = yarn === undefined ? 0 : correctionLimit(headDim, theta, yarn, yarn.betaFast, Math.floor);
  const high = yarn === undefined ? 0 : correctionLimit(headDim, theta, yarn, yarn.betaSlow, Math.ceil);
  const from = Math.max(low, 0);
  const to = Math.min(high, headDim - 1);
  for (let i = 0; i < half; i++) {
    const frequency = powerOf(theta, (-2 * i) / headDim);
    if (yarn === undefined) {
      perPosition[i] = frequency;
    } else {
      const width = to === from ? 0.001 : to - from;
      const interpolated = Math.min(Math.max((i - from) / width, 0), 1);
      perPosition[i] = (frequency / yarn.factor) * interpolated + frequency * (1 - interpolated);
    }
  }
  return { perPosition, tableFactor: yarn?.attentionFactor ?? 1 };
}

/** Dimension at which a wave turns `rotations` times within the original context. */
function correctionLimit(
  headDim: number,
  theta: number,
  { originalMaxPositions, truncate }: YarnScaling,
  rotations: number,
  round: (value: number) => number,
): number {
  const limit =
    (headDim * naturalLogarithm(originalMaxPositions / (rotations * 2 * Math.PI))) / (2 * naturalLogarithm(theta));
  return truncate ? round(limit) : limit;
}

/** Writes the tables of one position: cosines and sines [D/2], BF16 values, or float32 for tier fp32. */
export function writeRotaryTables(
  { perPosition, tableFactor }: RotaryFrequencies,
  position: number,
  isFloat32: boolean,
  cosines: Float32Array,
  sines: Float32Array,
): void {
  for (let i = 0; i < perPosition.length; i++) {
    sinCos(Math.fround(position * perPosition[i]!), SIN_COS);
    const sine = Math.fround(SIN_COS[0]! * tableFactor);
    const cosine = Math.fround(SIN_COS[1]! * tableFactor);
    sines[i] = isFloat32 ? sine : roundToBf16TiesEven(sine);
    cosines[i] = isFloat32 ? cosine : roundToBf16TiesEven(cosine);
  }
}

const SIN_COS = new Float64Array(2);
