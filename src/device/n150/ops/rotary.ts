// RoPE as the matmul x @ R of one head: two nonzero entries in each column of R, half-split pairing.
// Source: n150-numerics C.2 (one K block, all updates in a 16-bit Dst; updates by zeros leave it unchanged and are skipped).
// Exactness: bit-exact in tier exact; tier fast rounds once per K tile.
import { roundToBf16TiesEven } from '../../../numerics/bf16.ts';
import { bitsOf, float32Bits, float32FromBits } from '../../../numerics/float-bits.ts';
import { TILE_SIDE } from '../../../tensor/tile-layout.ts';
import { PHASE_COUNT } from '../../wormhole/fidelity.ts';
import { FAST_OPERAND_MASKS } from '../../wormhole/matrix-unit/matmul-fast.ts';
import { MVMUL_LANES, mvmul } from '../../wormhole/matrix-unit/mvmul.ts';
import type { N150Config } from '../compute-config.ts';

/**
 * Rotates one head in place.
 *
 * @param head - [D] BF16 values from `start`.
 * @param cosines - [D/2] BF16.
 * @param sines - [D/2] BF16.
 */
export type Rotate = (head: Float32Array, start: number, cosines: Float32Array, sines: Float32Array) => void;

/** One output: the products lowX * lowR and highX * highR at K = lane and K = lane + D/2. */
type PairSum = (lane: number, lowX: number, lowR: number, highX: number, highR: number) => number;

/** @param headDim - D, even. */
export function createRotate(headDim: number, config: N150Config): Rotate {
  const half = headDim / 2;
  const pairSum =
    config.tier === 'exact'
      ? exactPairSum(half, config)
      : config.tier === 'fast'
        ? fastPairSum(half, config)
        : plainSum;
  return (head, start, cosines, sines) => {
    for (let i = 0; i < half; i++) {
      const low = head[start + i]!;
      const high = head[start + half + i]!;
      const cosine = cosines[i]!;
      const sine = sines[i]!;
      head[start + i] = pairSum(i, low, cosine, high, -sine);
      head[start + half + i] = pairSum(i, low, sine, high, cosine);
    }
  };
}

const plainSum: PairSum = (_lane, lowX, lowR, highX, highR) => Math.fround(lowX * lowR + highX * highR);

function fastPairSum(half: number, config: N150Config): PairSum {
  const masks = FAST_OPERAND_MASKS[config.ropeFidelity];
  const cutX = (value: number): number => float32FromBits(float32Bits(value) & (masks.in0 << 16));
  const cutR = (value: number): number => float32FromBits(float32Bits(value) & (masks.in1 << 16));
  return (lane, lowX, lowR, highX, highR) => {
    const low = Math.fround(cutX(lowX) * cutR(lowR));
    const high = Math.fround(cutX(highX) * cutR(highR));
    if (isSameBlock(lane, lane + half, TILE_SIDE)) return roundToBf16TiesEven(Math.fround(low + high));
    return roundToBf16TiesEven(Math.fround(roundToBf16TiesEven(low) + high));
  };
}

function isSameBlock(a: number, b: number, length: number): boolean {
  return Math.floor(a / length) === Math.floor(b / length);
}

const PHASES = [0, 1, 2, 3].map((phase) => ({ phase, fp32DestAcc: false }));

function exactPairSum(half: number, config: N150Config): PairSum {
  const phases = PHASES.slice(0, PHASE_COUNT[config.ropeFidelity]);
  const srcA = new Uint32Array(MVMUL_LANES);
  const srcB = new Uint32Array(MVMUL_LANES);
  const result = new Float32Array(1);
  const resultBits = bitsOf(result);

  const setLane = (k: number, x: number, r: number): void => {
    srcB[k % MVMUL_LANES] = float32Bits(x);
    srcA[k % MVMUL_LANES] = float32Bits(r);
  };
  const clearLane = (k: number): void => {
    srcB[k % MVMUL_LANES] = 0;
    srcA[k % MVMUL_LANES] = 0;
  };

  return (lane, lowX, lowR, highX, highR) => {
    const high = lane + half;
    let dst = 0;
    const addLow = (phase: number): void => {
      setLane(lane, lowX, lowR);
      dst = mvmul(srcA, srcB, dst, PHASES[phase]!);
      clearLane(lane);
    };
    const addHigh = (phase: number): void => {
      setLane(high, highX, highR);
      dst = mvmul(srcA, srcB, dst, PHASES[phase]!);
      clearLane(high);
    };
    if (isSameBlock(lane, high, MVMUL_LANES)) {
      setLane(lane, lowX, lowR);
      setLane(high, highX, highR);
      for (const phase of phases) dst = mvmul(srcA, srcB, dst, phase);
      clearLane(lane);
      clearLane(high);
    } else if (isSameBlock(lane, high, TILE_SIDE)) {
      for (let phase = 0; phase < phases.length; phase++) {
        addLow(phase);
        addHigh(phase);
      }
    } else {
      for (let phase = 0; phase < phases.length; phase++) addLow(phase);
      for (let phase = 0; phase < phases.length; phase++) addHigh(phase);
    }
    resultBits[0] = dst;
    return result[0]!;
  };
}
