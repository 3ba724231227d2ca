// RMSNorm of the 2024 demo in floats, for tier fast: what the operands lose is cut as the matrix unit cuts it.
// Source: n150-numerics C.1 (sharded over cores).
// Exactness: the operand cuts are literal; a tile is summed in float64 instead of groups of eight lanes, and the scaler 1 / cores
// acts in the first stage of two. Tier exact: rms-norm-2024.ts.
import { roundToBf16TiesAway } from '../../../numerics/bf16.ts';
import { float32Bits, float32FromBits } from '../../../numerics/float-bits.ts';
import { truncateToTf32 } from '../../../numerics/tf32.ts';
import { TILE_SIDE } from '../../../tensor/tile-layout.ts';
import type { VectorUnit } from '../../wormhole/sfpu/vector-unit.ts';
import type { NormSplit } from '../chip.ts';
import type { N150Config } from '../compute-config.ts';
import { hostScalar } from './host-scalars.ts';
import type { RmsNorm } from './rms-norm-row.ts';

/** Mean of the squares of a row of BF16 values, float32. */
type MeanSquare = (row: Float32Array, rowStart: number) => number;

/** SrcB keeps 7 significant bits in HiFi2 and LoFi: the low 17 bits of a float32 fall. */
const CUT_TO_7_BITS = 0xfffe_0000;
/** SrcA keeps 10 significant bits of a tf32: its last one never meets the multiplier. */
const CUT_TO_10_BITS = 0xffff_c000;
const CUT_TO_TF32 = 0xffff_e000;

function cut(value: number, mask: number): number {
  return float32FromBits(float32Bits(value) & mask);
}

/** @param width - H, features of a row. */
export function createRmsNorm2024Fast(
  width: number,
  split: NormSplit,
  config: N150Config,
  vectorUnit: VectorUnit,
): RmsNorm {
  const cutsSrcB = config.normFidelity === 'LoFi' || config.normFidelity === 'HiFi2';
  const srcBMask = cutsSrcB ? CUT_TO_7_BITS : CUT_TO_TF32;
  const meanSquare = shardedMeanSquare(width, split, srcBMask, config);
  const epsilon = hostScalar(config.rmsEps, config);

  return (row, rowStart, gamma, out) => {
    const inverse = cut(vectorUnit.reciprocalRoot(Math.fround(meanSquare(row, rowStart) + epsilon)), srcBMask);
    for (let i = 0; i < width; i++) {
      const scaled = cut(Math.fround(row[rowStart + i]! * inverse), CUT_TO_10_BITS);
      out[i] = roundToBf16TiesAway(Math.fround(scaled * cut(gamma[i]!, srcBMask)));
    }
  };
}

/**
 * Each core sums its tiles with the scaler 1 / its width (squares in SrcA, the running sum cut to tf32 after each tile);
 * the partials are then summed with the scaler 1 / cores, in stages where the grid has rows.
 */
function shardedMeanSquare(width: number, split: NormSplit, srcBMask: number, config: N150Config): MeanSquare {
  const { cores, tilesPerCore, firstStage } = split;
  const coreScaler = hostScalar(cores / width, config);
  const combineScaler = hostScalar(1 / cores, config);

  const partialOfCore = (row: Float32Array, rowStart: number, core: number): number => {
    const firstTile = core * tilesPerCore;
    let sum = 0;
    for (let tile = firstTile; tile < firstTile + tilesPerCore; tile++) {
      const squares = sumOfTile(row, rowStart, tile, width, srcBMask);
      sum = truncateToTf32(Math.fround(sum + squares * coreScaler));
    }
    return sum;
  };
  return (row, rowStart) => {
    if (cores === 1) return partialOfCore(row, rowStart, 0);
    let sum = 0;
    for (let stage = 0; stage < cores; stage += firstStage) {
      let stageSum = 0;
      for (let core = stage; core < stage + firstStage; core++) {
        stageSum += cut(partialOfCore(row, rowStart, core), CUT_TO_10_BITS);
      }
      sum += truncateToTf32(stageSum * combineScaler);
    }
    return truncateToTf32(sum);
  };
}

/** Sum of x times x cut as SrcB, each square cut as SrcA, over one tile of 32 features. */
function sumOfTile(row: Float32Array, rowStart: number, tile: number, width: number, srcBMask: number): number {
  const end = Math.min((tile + 1) * TILE_SIDE, width);
  let sum = 0;
  for (let i = tile * TILE_SIDE; i < end; i++) {
    const value = row[rowStart + i]!;
    sum += cut(value * cut(value, srcBMask), CUT_TO_10_BITS);
  }
  return sum;
}
