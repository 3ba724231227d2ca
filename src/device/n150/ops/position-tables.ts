// Rotary tables of a pass: for each position its cosines and sines, made by the host or stepped on by the device.
// Source: n150-numerics C.2, F.1.
import type { ModelConfig } from '../../../checkpoint/config.ts';
import { type N150Config, storesFloat32 } from '../compute-config.ts';
import { createSteppedTables } from './rotary-step.ts';
import { rotaryFrequencies, writeRotaryTables, type YarnScaling } from './rotary-tables.ts';
import { naturalLogarithm } from './sin-cos.ts';

/** Rows of [D/2] for each position of a pass. */
export interface PositionTables {
  readonly cosines: readonly Float32Array[];
  readonly sines: readonly Float32Array[];
}

/**
 * @param promptLength - position of the first decode step, where `demoRotOffByOne` acts; undefined for none.
 * @returns tables of `rows` positions from `firstPosition` on.
 */
export type MakePositionTables = (
  firstPosition: number,
  rows: number,
  promptLength: number | undefined,
) => PositionTables;

export function createPositionTables(model: ModelConfig, config: N150Config): MakePositionTables {
  const { headDim, ropeTheta } = model;
  const isFloat32 = storesFloat32(config);
  const frequencies = rotaryFrequencies(headDim, ropeTheta, yarnOf(model));
  const writeSteppedTables = createSteppedTables(headDim, frequencies, config);
  return (firstPosition, rows, promptLength) => {
    const table = (): Float32Array[] => Array.from({ length: rows }, () => new Float32Array(headDim / 2));
    const tables = { cosines: table(), sines: table() };
    for (let row = 0; row < rows; row++) {
      const position = firstPosition + row;
      const rotated = position + config.ropePositionOffset;
      if (config.demoRotOffByOne && position === promptLength) {
        writeSteppedTables(rotated - 1, tables.cosines[row]!, tables.sines[row]!);
      } else {
        writeRotaryTables(frequencies, rotated, isFloat32, tables.cosines[row]!, tables.sines[row]!);
      }
    }
    return tables;
  };
}

/** YaRN with its table factor worked out as Hugging Face does. */
function yarnOf({ ropeScaling }: ModelConfig): YarnScaling | undefined {
  if (ropeScaling === undefined) return undefined;
  const { factor, mscale, mscaleAllDim } = ropeScaling;
  const magnitude = (scale: number): number => (factor <= 1 ? 1 : 0.1 * scale * naturalLogarithm(factor) + 1);
  const fromMscale =
    mscale !== undefined && mscaleAllDim !== undefined && mscale !== 0 && mscaleAllDim !== 0
      ? magnitude(mscale) / magnitude(mscaleAllDim)
      : magnitude(1);
  return {
    factor,
    originalMaxPositions: ropeScaling.originalMaxPositionEmbeddings,
    betaFast: ropeScaling.betaFast,
    betaSlow: ropeScaling.betaSlow,
    truncate: ropeScaling.truncate,
    attentionFactor: ropeScaling.attentionFactor ?? fromMscale,
  };
}
