// RMSNorm of the 2024 demo, sharded over cores, with a 32-bit Dst: every step on the matrix unit but the root.
// Source: n150-numerics C.1 with B.3 to B.5. From the kernels of late 2024 (layernorm_sharded.cpp, its readers and its program
// factory): partials are taken in ascending order of cores, and where there are two stages, all rows of cores but the first
// sum with scaler 1; the first row's core adds their sums to its own partials, all with the scaler 1 / cores.
// Exactness: literal, step by step; no recording of this kernel exists. Tier fast: rms-norm-2024-fast.ts.
import { bitsOf, float32Bits, float32FromBits } from '../../../numerics/float-bits.ts';
import { TILE_SIDE } from '../../../tensor/tile-layout.ts';
import { addRows } from '../../wormhole/matrix-unit/eltwise-rows.ts';
import { createReduceTile } from '../../wormhole/matrix-unit/reduce-row.ts';
import { packFloat32RowToBf16 } from '../../wormhole/packer.ts';
import type { VectorUnit } from '../../wormhole/sfpu/vector-unit.ts';
import type { NormSplit } from '../chip.ts';
import type { N150Config } from '../compute-config.ts';
import { hostScalar } from './host-scalars.ts';
import { createMultiplyRows32 } from './multiply-32-bit-dst.ts';
import type { RmsNorm } from './rms-norm-row.ts';

const ONE = 0x3f80_0000;

/** @param width - H, features of a row. */
export function createRmsNorm2024(
  width: number,
  split: NormSplit,
  config: N150Config,
  vectorUnit: VectorUnit,
): RmsNorm {
  const multiply = createMultiplyRows32(config.normFidelity);
  const meanOf = createShardedMean(width, split, config);
  const epsilon = Float32Array.of(hostScalar(config.rmsEps, config));

  return (row, rowStart, gamma, out) => {
    const features = row.subarray(rowStart, rowStart + width);
    const mean = meanOf(multiply(features, features));
    const shifted = addRows(Float32Array.of(mean), epsilon, { fp32DestAcc: true })[0]!;
    const inverse = Float32Array.of(vectorUnit.reciprocalRoot(shifted));
    const scaled = multiply(multiply(features, inverse), gamma);
    packFloat32RowToBf16(scaled);
    out.set(scaled);
  };
}

/** Mean of a row's squares, a tf32. */
export type ShardedMean = (squares: Float32Array) => number;

/** @returns the mean of [width] float32 squares: sums of each core's tiles, then of the cores, in one or two stages. */
export function createShardedMean(width: number, split: NormSplit, config: N150Config): ShardedMean {
  const { cores, tilesPerCore, firstStage } = split;
  const reduceTile = createReduceTile({ fp32DestAcc: true, mathFidelity: config.normFidelity });
  const coreScaler = float32Bits(hostScalar(cores / width, config));
  const combineScaler = float32Bits(hostScalar(1 / cores, config));
  const partials = new Uint32Array(cores);

  /** A core's partial is the only number in the row of the tile that it sends. */
  const addPartials = (first: number, scaler: number, dst: number): number => {
    let sum = dst;
    for (let core = first; core < first + firstStage; core++) sum = reduceTile(partials, core, core + 1, scaler, sum);
    return sum;
  };

  return (squares) => {
    const bits = bitsOf(squares);
    for (let core = 0; core < cores; core++) {
      let sum = 0;
      for (let tile = core * tilesPerCore; tile < (core + 1) * tilesPerCore; tile++) {
        sum = reduceTile(bits, tile * TILE_SIDE, Math.min((tile + 1) * TILE_SIDE, width), coreScaler, sum);
      }
      partials[core] = sum;
    }
    let mean = addPartials(0, combineScaler, 0);
    for (let first = firstStage; first < cores; first += firstStage) {
      const rowSum = Uint32Array.of(addPartials(first, ONE, 0));
      mean = reduceTile(rowSum, 0, 1, combineScaler, mean);
    }
    return float32FromBits(mean);
  };
}
