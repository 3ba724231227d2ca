// RMSNorm with a 32-bit Dst: partial sums per core, combined, then two multiplications whose SrcB operand is cut.
// Source: n150-numerics C.1; section I for the interleaved kernel (one core per row).
// Exactness: the operand cuts are literal; sums inside one tile are float64 instead of 8-lane groups.
import { roundToBf16TiesAway, roundToBf16TiesEven } from '../../../numerics/bf16.ts';
import { float32Bits, float32FromBits } from '../../../numerics/float-bits.ts';
import { truncateToTf32 } from '../../../numerics/tf32.ts';
import { TILE_SIDE, tilesAcross } from '../../../tensor/tile-layout.ts';
import type { NormSplit } from '../chip.ts';
import type { N150Config } from '../compute-config.ts';
import type { VectorUnit } from '../sfpu/vector-unit.ts';
import { hostScalar } from './host-scalars.ts';

/** One row in, one row out; `gamma` [H] BF16. */
export type RmsNorm = (row: Float32Array, rowStart: number, gamma: Float32Array, out: Float32Array) => void;

/** SrcB keeps 7 significant bits in HiFi2 and LoFi: the low 17 bits of a float32 fall. */
const CUT_TO_7_BITS = 0xfffe_0000;
/** SrcA keeps 10 significant bits of a tf32: its last one never meets the multiplier. */
const CUT_TO_10_BITS = 0xffff_c000;

function cut(value: number, mask: number): number {
  return float32FromBits(float32Bits(value) & mask);
}

/**
 * @param width - H, features of a row.
 * @returns out[i] = row[rowStart + i] / rms * gamma[i], BF16 (float32 in tier fp32); rows are not modified.
 */
export function createRmsNorm(width: number, split: NormSplit, config: N150Config, vectorUnit: VectorUnit): RmsNorm {
  if (config.tier === 'fp32') return exactNorm(width, config.rmsEps, Math.fround);
  if (config.rmsExact) return exactNorm(width, config.rmsEps, (value) => roundToBf16TiesEven(Math.fround(value)));

  const isInterleaved = config.rmsLayout === 'interleaved';
  const cores = isInterleaved ? 1 : split.cores;
  const tilesPerCore = isInterleaved ? tilesAcross(width) : split.tilesPerCore;
  const firstStage = isInterleaved ? 1 : split.firstStage;
  const perCoreScaler = hostScalar(cores / width, config);
  const combineScaler = hostScalar(1 / cores, config);
  const epsilon = hostScalar(config.rmsEps, config);
  const cutsSrcB = config.normFidelity === 'LoFi' || config.normFidelity === 'HiFi2';
  const srcBMask = cutsSrcB ? CUT_TO_7_BITS : 0xffff_e000;

  return (row, rowStart, gamma, out) => {
    let sum = 0;
    for (let stage = 0; stage < cores; stage += firstStage) {
      let stageSum = 0;
      for (let core = stage; core < stage + firstStage; core++) {
        const first = core * tilesPerCore;
        stageSum += truncateToTf32(
          sumOfSquares(row, rowStart, first, first + tilesPerCore, width, srcBMask, perCoreScaler),
        );
      }
      sum = truncateToTf32(sum + stageSum);
    }
    const meanSquare = cores === 1 ? sum : Math.fround(sum * combineScaler);
    const inverse = cut(vectorUnit.reciprocalRoot(Math.fround(meanSquare + epsilon)), srcBMask);
    for (let i = 0; i < width; i++) {
      const scaled = cut(Math.fround(row[rowStart + i]! * inverse), CUT_TO_10_BITS);
      out[i] = roundToBf16TiesAway(Math.fround(scaled * cut(gamma[i]!, srcBMask)));
    }
  };
}

/** Scaled sum of squares over the tiles [firstTile, endTile): x times x cut, the running sum cut to tf32 after each tile. */
function sumOfSquares(
  row: Float32Array,
  rowStart: number,
  firstTile: number,
  endTile: number,
  width: number,
  srcBMask: number,
  scaler: number,
): number {
  let sum = 0;
  for (let tile = firstTile; tile < endTile; tile++) {
    const end = Math.min((tile + 1) * TILE_SIDE, width);
    let tileSum = 0;
    for (let i = tile * TILE_SIDE; i < end; i++) {
      const value = row[rowStart + i]!;
      tileSum += cut(value * cut(value, srcBMask), CUT_TO_10_BITS) * scaler;
    }
    sum = truncateToTf32(Math.fround(sum + tileSum));
  }
  return sum;
}

function exactNorm(width: number, epsilon: number, store: (value: number) => number): RmsNorm {
  return (row, rowStart, gamma, out) => {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += row[rowStart + i]! ** 2;
    const inverse = 1 / Math.sqrt(sum / width + epsilon);
    for (let i = 0; i < width; i++) out[i] = store(row[rowStart + i]! * inverse * gamma[i]!);
  };
}
