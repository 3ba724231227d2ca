// RMSNorm of a configuration: the sharded kernel of 2024, the interleaved one of ttnn 0.81, or without rounding.
// Source: n150-numerics C.1 and section I.
import { roundToBf16TiesEven } from '../../../numerics/bf16.ts';
import type { VectorUnit } from '../../wormhole/sfpu/vector-unit.ts';
import type { NormSplit } from '../chip.ts';
import type { N150Config } from '../compute-config.ts';
import { createRmsNorm2024 } from './rms-norm-2024.ts';
import { createRmsNorm2024Fast } from './rms-norm-2024-fast.ts';
import { rmsNorm2026 } from './rms-norm-2026.ts';
import type { RmsNorm } from './rms-norm-row.ts';

/**
 * @param width - H, features of a row.
 * @returns out[i] = row[rowStart + i] / rms * gamma[i], BF16 (float32 in tier fp32); rows are not modified.
 */
export function createRmsNorm(width: number, split: NormSplit, config: N150Config, vectorUnit: VectorUnit): RmsNorm {
  if (config.tier === 'fp32') return unroundedNorm(width, config.rmsEps, Math.fround);
  if (config.rmsExact) return unroundedNorm(width, config.rmsEps, (value) => roundToBf16TiesEven(Math.fround(value)));
  if (config.rmsLayout === 'interleaved') {
    const options = {
      fp32DestAcc: config.normFp32DestAcc,
      mathFidelity: config.normFidelity,
      epsilon: config.rmsEps,
    };
    return (row, rowStart, gamma, out) =>
      out.set(rmsNorm2026(row.subarray(rowStart, rowStart + width), gamma, options));
  }
  const create = config.tier === 'exact' ? createRmsNorm2024 : createRmsNorm2024Fast;
  return create(width, split, config, vectorUnit);
}

function unroundedNorm(width: number, epsilon: number, store: (value: number) => number): RmsNorm {
  return (row, rowStart, gamma, out) => {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += row[rowStart + i]! * row[rowStart + i]!;
    const inverse = 1 / Math.sqrt(sum / width + epsilon);
    for (let i = 0; i < width; i++) out[i] = store(row[rowStart + i]! * inverse * gamma[i]!);
  };
}
