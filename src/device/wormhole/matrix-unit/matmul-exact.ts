// Tier exact of the matmul: every MVMUL of every fidelity phase in integers, in the kernel's order.
// Source: n150-numerics B.2-B.4, B.6: for each K tile, for each phase, lanes 0-15 and then lanes 16-31.
// Exactness: bit-exact against the simulator's matmuls in all fidelities and both Dst widths.

import { bitsOf } from '../../../numerics/float-bits.ts';
import { TILE_SIDE, tilesAcross } from '../../../tensor/tile-layout.ts';
import { exponentAdjustment, PHASE_COUNT, partOfSrcA, partOfSrcB, significand11 } from '../fidelity.ts';
import { unpackTileRow } from '../host-packing.ts';
import type { MatmulOptions, PackedMatrix } from '../matmul-engine.ts';
import { accumulate } from './accumulate.ts';
import { runKBlocks } from './matmul-blocks.ts';
import { GROUP_LANES } from './mvmul.ts';

const GROUPS_PER_TILE = TILE_SIDE / GROUP_LANES;
const LARGEST_SHIFT = 30;

/** Exponent of a zero operand: no sum with a real exponent field gets above zero. */
const ZERO_EXPONENT = -1024;

/** Operands taken apart: exponent field, and both parts of the significand with the operand's sign. */
interface Lanes {
  readonly exponents: Int16Array;
  readonly highParts: Int16Array;
  readonly lowParts: Int16Array;
}

/**
 * [rows, K] @ [K, N] bit for bit.
 *
 * @param in0 - [rows, K] float32 holding bfloat16 values. Not modified.
 * @returns [rows, N] float32 holding values of `options.outputFormat`.
 */
export function matmulExact(
  in0: Float32Array,
  rows: number,
  weights: PackedMatrix,
  options: MatmulOptions,
): Float32Array {
  const { k, n } = weights;
  const width = tilesAcross(n) * TILE_SIDE;
  const phases = PHASE_COUNT[options.mathFidelity];
  const patterns = new Uint16Array(TILE_SIDE * width);
  const weightLanes = createLanes(TILE_SIDE * width);
  const activationLanes = createLanes(TILE_SIDE);
  const in0Bits = bitsOf(in0);

  return runKBlocks({ rows, k, n }, options, (tileK, dst) => {
    unpackTileRow(weights, tileK, patterns);
    for (let lane = 0; lane < TILE_SIDE; lane++) {
      for (let column = 0; column < width; column++) {
        decodeSrcA(weightLanes, column * TILE_SIDE + lane, patterns[lane * width + column]! << 16);
      }
    }
    const dstBits = new Int32Array(dst.buffer);
    const firstK = tileK * TILE_SIDE;
    const depth = Math.min(TILE_SIDE, k - firstK);
    for (let row = 0; row < rows; row++) {
      const rowStart = row * k + firstK;
      for (let lane = 0; lane < TILE_SIDE; lane++) {
        decodeSrcB(activationLanes, lane, lane < depth ? in0Bits[rowStart + lane]! : 0);
      }
      addTile(weightLanes, activationLanes, dstBits.subarray(row * width, (row + 1) * width), {
        phases,
        isDst32: options.fp32DestAcc,
      });
    }
  });
}

function createLanes(length: number): Lanes {
  return {
    exponents: new Int16Array(length),
    highParts: new Int16Array(length),
    lowParts: new Int16Array(length),
  };
}

function decodeSrcA(lanes: Lanes, index: number, bits: number): void {
  const significand = significand11(bits);
  store(lanes, index, bits, partOfSrcA(significand, 0), partOfSrcA(significand, 1));
}

function decodeSrcB(lanes: Lanes, index: number, bits: number): void {
  const significand = significand11(bits);
  store(lanes, index, bits, partOfSrcB(significand, 0), partOfSrcB(significand, 2));
}

function store(lanes: Lanes, index: number, bits: number, high: number, low: number): void {
  const exponent = (bits >>> 23) & 0xff;
  const sign = (bits | 0) < 0 ? -1 : 1;
  lanes.exponents[index] = exponent === 0 ? ZERO_EXPONENT : exponent;
  lanes.highParts[index] = exponent === 0 ? 0 : sign * high;
  lanes.lowParts[index] = exponent === 0 ? 0 : sign * low;
}

interface TileOptions {
  readonly phases: number;
  readonly isDst32: boolean;
}

const PHASES = [0, 1, 2, 3] as const;
const ADJUSTMENTS = Int32Array.from(PHASES, exponentAdjustment);

/** Adds one K tile to a row of Dst: all group sums of an element first, then its Dst updates in order. */
function addTile(weights: Lanes, activations: Lanes, dstBits: Int32Array, { phases, isDst32 }: TileOptions): void {
  const groupExponents = new Int32Array(GROUPS_PER_TILE);
  const groupSums = new Int32Array(PHASES.length * GROUPS_PER_TILE);
  for (let column = 0; column < dstBits.length; column++) {
    for (let group = 0; group < GROUPS_PER_TILE; group++) {
      sumGroup(weights, activations, column, group, phases, groupExponents, groupSums);
    }
    let bits = dstBits[column]!;
    for (let phase = 0; phase < phases; phase++) {
      const adjustment = ADJUSTMENTS[phase]!;
      const sums = phase * GROUPS_PER_TILE;
      for (let group = 0; group < GROUPS_PER_TILE; group += 2) {
        bits = accumulate(
          bits,
          groupExponents[group]! + adjustment,
          groupSums[sums + group]!,
          groupExponents[group + 1]! + adjustment,
          groupSums[sums + group + 1]!,
          isDst32,
        );
      }
    }
    dstBits[column] = bits;
  }
}

/**
 * Sums eight products in every phase. Alignment distances are the same in all phases; only the exponent moves.
 * The exponent is left without the phase's adjustment.
 */
function sumGroup(
  weights: Lanes,
  activations: Lanes,
  column: number,
  group: number,
  phases: number,
  groupExponents: Int32Array,
  groupSums: Int32Array,
): void {
  const activationStart = group * GROUP_LANES;
  const weightStart = column * TILE_SIDE + activationStart;
  let exponent = 2 * ZERO_EXPONENT;
  for (let lane = 0; lane < GROUP_LANES; lane++) {
    const product = weights.exponents[weightStart + lane]! + activations.exponents[activationStart + lane]!;
    if (product > exponent) exponent = product;
  }
  let sum0 = 0;
  let sum1 = 0;
  let sum2 = 0;
  let sum3 = 0;
  for (let lane = 0; lane < GROUP_LANES; lane++) {
    const a = weightStart + lane;
    const b = activationStart + lane;
    const distance = Math.min(exponent - weights.exponents[a]! - activations.exponents[b]!, LARGEST_SHIFT);
    const half = 1 << distance;
    const shift = distance + 1;
    const bHigh = activations.highParts[b]!;
    sum0 += alignProduct(Math.imul(weights.highParts[a]!, bHigh), half, shift);
    if (phases > 1) sum1 += alignProduct(Math.imul(weights.lowParts[a]!, bHigh), half, shift);
    if (phases > 2) {
      const bLow = activations.lowParts[b]!;
      sum2 += alignProduct(Math.imul(weights.highParts[a]!, bLow), half, shift);
      if (phases > 3) sum3 += alignProduct(Math.imul(weights.lowParts[a]!, bLow), half, shift);
    }
  }
  groupExponents[group] = exponent;
  groupSums[group] = sum0;
  groupSums[GROUPS_PER_TILE + group] = sum1;
  groupSums[2 * GROUPS_PER_TILE + group] = sum2;
  groupSums[3 * GROUPS_PER_TILE + group] = sum3;
}

/** Half rounds up in magnitude: for a negative product one less than half is added before the arithmetic shift. */
function alignProduct(product: number, half: number, shift: number): number {
  return (2 * product + half + (product >> 31)) >> shift;
}
