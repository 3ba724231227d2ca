// RMSNorm of 2024: examples worked by hand from n150-numerics C.1, B.3 and B.5, and tier fast beside tier exact.
import { describe, expect, it } from 'vitest';
import { bf16Operands } from '../../wormhole/kernels/operands.fixture.ts';
import { createVectorUnit } from '../../wormhole/sfpu/vector-unit.ts';
import { finalNormSplit, layerNormSplit, type NormSplit } from '../chip.ts';
import { parseDeviceOptions } from '../device-options.ts';
import { equalShare } from '../graph.fixture.ts';
import { createRmsNorm } from './rms-norm.ts';
import { createShardedMean } from './rms-norm-2024.ts';

const GRID_ROWS = 8;
const QWEN2_7B = 3584;
const EXACT = parseDeviceOptions('tier=exact');

function meanOf(width: number, split: NormSplit, squares: Float32Array): number {
  return createShardedMean(width, split, EXACT)(squares);
}

function normalise(options: string, row: Float32Array, gamma: Float32Array): Float32Array {
  const config = parseDeviceOptions(options);
  const split = layerNormSplit(row.length, GRID_ROWS);
  const out = new Float32Array(row.length);
  createRmsNorm(row.length, split, config, createVectorUnit(config))(row, 0, gamma, out);
  return out;
}

describe('the mean of the squares', () => {
  it('is 0.195 % low with 28 cores: 28 times 1/28 cut to bfloat16', () => {
    const squares = new Float32Array(QWEN2_7B).fill(1);
    // 3D12 is 73/2048; its multiples up to 28 * 73 = 2044 need 11 bits, so no sum loses any.
    expect(meanOf(QWEN2_7B, layerNormSplit(QWEN2_7B, GRID_ROWS), squares)).toBe(2044 / 2048);
  });

  it('takes 56 cores in two stages, so that few sums are cut', () => {
    const squares = new Float32Array(QWEN2_7B).fill(1);
    const split = finalNormSplit(QWEN2_7B, GRID_ROWS);
    // Rows of 8, then 7: 3C92 is 73/4096, seven times 584/4096. In one stage each sum beyond 2048/4096 would lose its last bit.
    expect(meanOf(QWEN2_7B, split, squares)).toBe(4088 / 4096);
    expect(meanOf(QWEN2_7B, { ...split, firstStage: 56 }, squares)).toBe(4060 / 4096);
  });

  it('has the scaler 1 in the rows of cores that are summed first', () => {
    // Partials of cores 8 to 15, 64 features each: 1, seven times, and 1 + 2^-7. Their sum keeps its 11th bit, which SrcA then
    // loses: 8 * 73/4096. Scaled first, half a 4096th would be left.
    const squares = new Float32Array(QWEN2_7B);
    for (let core = 8; core < 16; core++) squares[core * 64] = core === 15 ? 64.5 : 64;
    expect(meanOf(QWEN2_7B, finalNormSplit(QWEN2_7B, GRID_ROWS), squares)).toBe(584 / 4096);
  });

  it('rounds the squares of eight lanes to the largest of them', () => {
    // 1.125 * 2^-11 beside a 1 is more than half of the grid's 2^-10 and becomes it, seven times; on the way to the cores' sum
    // SrcA drops the last of 11 bits: 7 becomes 6.
    const squares = new Float32Array(32).fill(1.125 * 2 ** -11, 1, 8);
    squares[0] = 1;
    expect(meanOf(32, layerNormSplit(32, GRID_ROWS), squares)).toBe((1 + 6 / 1024) / 32);
  });

  it('cuts the running sum to tf32 after each tile', () => {
    const split = { cores: 1, tilesPerCore: 4, firstStage: 1 };
    const squaresWithSmall = (...places: number[]): Float32Array => {
      const squares = new Float32Array(128);
      squares[0] = 128;
      for (const place of places) squares[place] = 128 * 2 ** -11;
      return squares;
    };
    // 2^-11 four times beside a 1, none in its group of eight lanes: together 2^-9, each alone below the last of 11 bits.
    expect(meanOf(128, split, squaresWithSmall(8, 16, 24, 25))).toBe(1 + 2 ** -9);
    expect(meanOf(128, split, squaresWithSmall(16, 48, 80, 112))).toBe(1);
  });
});

describe('RMSNorm of 2024 in tier exact', () => {
  it('normalises a row of 2^-8 to 198 / 256', () => {
    // Mean 2^-16 * 2044/2048, plus the epsilon 3727: 2^-16 * 1.6504; 1/root 199.27, of which HiFi2 sees 7 bits: 198.
    const row = new Float32Array(QWEN2_7B).fill(2 ** -8);
    const gamma = new Float32Array(QWEN2_7B).fill(1);
    expect(normalise('tier=exact', row, gamma)).toEqual(new Float32Array(QWEN2_7B).fill(198 / 256));
  });

  it('sees seven bits of 1/root and of gamma in HiFi2, all of both in HiFi4', () => {
    const row = new Float32Array(QWEN2_7B).fill(2 ** -8);
    const gamma = new Float32Array(QWEN2_7B).fill(1.0078125);
    // As above in HiFi2. HiFi4 sees 199.25, as tf32 has it: 199.25 * 1.0078125 = 200.807, packed to 8 bits.
    expect(normalise('tier=exact', row, gamma)[0]).toBe(198 / 256);
    expect(normalise('tier=exact,normFidelity=HiFi4', row, gamma)[0]).toBe(201 / 256);
  });

  it('sees five bits of a row in LoFi', () => {
    // 1.25 * 2^-8 and its neighbour above look alike; squares are cut too, so both have the same root.
    const gamma = new Float32Array(QWEN2_7B).fill(1);
    const [even, odd] = [1.25 * 2 ** -8, 1.2578125 * 2 ** -8];
    const [ofEven, ofOdd] = [even, odd].map(
      (value) => normalise('tier=exact,normFidelity=LoFi', new Float32Array(QWEN2_7B).fill(value), gamma)[0],
    );
    expect(ofOdd).toBe(ofEven);
  });
});

describe('RMSNorm of 2024 in tier fast', () => {
  /**
   * Tiers differ in the sum: groups of eight lanes are off by at most 7 halves of 2^-10 of their largest square, and tier fast leaves
   * out the cut to tf32 after each core (at most 2^-10 each, of what has been summed). Together that is below 2 % of a mean of
   * up to 28 cores, 1 % of its root: one step of the root's seven bits, at most 2^-6. Packing adds one bfloat16 unit.
   */
  const APART_MAX = 2 ** -6 + 2 ** -7;
  const ROWS = 200;

  it.each([
    // Four cuts: the means are 2^-11 apart, a step of the root is 32 times that.
    { width: 128, equalRange: [0.9, 1] },
    // Eighteen cuts, all downward: up to half a step.
    { width: 576, equalRange: [0.4, 0.9] },
  ])('is one step of 1/root from tier exact at most, $width features', ({ width, equalRange: [least, most] }) => {
    let equalRows = 0;
    for (let seed = 1; seed <= ROWS; seed++) {
      const row = bf16Operands(width, 'plain', seed);
      const gamma = bf16Operands(width, 'plain', ROWS + seed);
      const exact = normalise('tier=exact', row, gamma);
      const fast = normalise('tier=fast', row, gamma);
      if (equalShare(fast, exact) === 1) equalRows++;
      const tooFar = exact.filter((value, i) => !(Math.abs(value - fast[i]!) <= APART_MAX * Math.abs(fast[i]!)));
      expect(tooFar).toHaveLength(0);
    }
    process.stdout.write(`RMSNorm of ${width}: ${(100 * equalRows) / ROWS} % of rows equal in both tiers\n`);
    expect(equalRows / ROWS).toBeGreaterThanOrEqual(least!);
    expect(equalRows / ROWS).toBeLessThanOrEqual(most!);
  });
});
