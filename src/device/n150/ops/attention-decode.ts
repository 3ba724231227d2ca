// Flash decode of one query head for one position: chunks of keys on cores, each with running maximum, sum and output,
// then merged by the reducer core.
// Source: n150-numerics C.3, step by step; section I for what later kernels changed (`sdpaKernel`, `sdpaMerge`).
// Exactness: the order of roundings is literal; masked keys weigh exactly zero.
import { roundToBf16TiesAway } from '../../../numerics/bf16.ts';
import { bitsOf, float32FromBits } from '../../../numerics/float-bits.ts';
import { TILE_SIDE } from '../../../tensor/tile-layout.ts';
import type { AttentionKnobs, AttentionShape } from '../../wormhole/attention-engine.ts';
import type { MathFidelity } from '../../wormhole/matmul-engine.ts';
import { FAST_OPERAND_MASKS } from '../../wormhole/matrix-unit/matmul-fast.ts';
import { createReduceTile } from '../../wormhole/matrix-unit/reduce-row.ts';
import { sumRowByMatmul } from '../../wormhole/matrix-unit/row-sum.ts';
import { createAttentionExponentials } from '../../wormhole/sfpu/attention-exponentials.ts';
import { createReciprocal } from '../../wormhole/sfpu/vector-unit.ts';
import { chunkRuns } from '../chip.ts';
import { createAdd, createMultiply, createSubtract } from './eltwise.ts';
import { createRowProducts, type StridedRows } from './row-products.ts';

/** Keys and values of one key/value head: [positions, D] BF16 values, row p at p * D. */
export interface HeadCache {
  readonly keys: Float32Array;
  readonly values: Float32Array;
}

/**
 * Attends with one query head over positions 0 … position.
 *
 * @param query - [D] BF16 values from `queryStart`, rotated.
 * @param out - receives [D] BF16 values from `outStart`.
 */
export type AttentionDecode = (
  query: Float32Array,
  queryStart: number,
  cache: HeadCache,
  position: number,
  out: Float32Array,
  outStart: number,
) => void;

/** What a core holds after its chunks, in BF16. */
interface PartialAttention {
  maximum: number;
  sum: number;
  readonly output: Float32Array;
}

export function createAttentionDecode(
  { headDim }: Pick<AttentionShape, 'headDim'>,
  config: AttentionKnobs,
): AttentionDecode {
  const chunkLength = config.sdpaChunk;
  const { sdpaFidelity, sdpaFp32DestAcc, coresPerHead, scoreScale } = config;
  const reciprocal = createReciprocal(config);
  const products = createRowProducts(config, sdpaFidelity, sdpaFp32DestAcc);
  const add = createAdd(config, sdpaFp32DestAcc);
  const subtract = createSubtract(config, sdpaFp32DestAcc);
  const multiply = createMultiply(config, sdpaFidelity, sdpaFp32DestAcc);
  const sumRow = createRowSum(config);
  const scalesInsideExp = config.sdpaKernel === '2026';
  const scale = 1 / Math.sqrt(headDim);
  const { weight, decay } = createAttentionExponentials(config, scalesInsideExp ? Math.fround(scale) : 1);

  const scores = new Float32Array(chunkLength);
  const chunkOutput = new Float32Array(headDim);
  const reducer: PartialAttention = { maximum: 0, sum: 0, output: new Float32Array(headDim) };
  const worker: PartialAttention = { maximum: 0, sum: 0, output: new Float32Array(headDim) };

  /** Steps 1 to 8 for one chunk, on top of what the core holds. */
  const attendChunk = (
    query: Float32Array,
    queryStart: number,
    cache: HeadCache,
    firstKey: number,
    keys: number,
    core: PartialAttention,
    isFirst: boolean,
  ): void => {
    const rows: StridedRows = { values: cache.keys, start: firstKey * headDim, stride: headDim };
    products.dotEach(query, queryStart, headDim, rows, keys, scores);
    let maximum = isFirst ? Number.NEGATIVE_INFINITY : core.maximum;
    for (let j = 0; j < keys; j++) {
      const score = scalesInsideExp ? scores[j]! : multiply(scores[j]!, scoreScale);
      scores[j] = score;
      if (score > maximum) maximum = score;
    }
    for (let j = 0; j < keys; j++) scores[j] = weight(subtract(scores[j]!, maximum));
    const sum = sumRow(scores, keys);
    const output = isFirst ? core.output : chunkOutput;
    products.combine(
      scores,
      keys,
      { values: cache.values, start: firstKey * headDim, stride: headDim },
      headDim,
      output,
    );
    if (isFirst) {
      core.sum = sum;
    } else {
      const keep = decay(subtract(core.maximum, maximum));
      core.sum = add(multiply(core.sum, keep), sum);
      for (let d = 0; d < headDim; d++) core.output[d] = add(multiply(core.output[d]!, keep), chunkOutput[d]!);
    }
    core.maximum = maximum;
  };

  return (query, queryStart, cache, position, out, outStart) => {
    const runs = chunkRuns(Math.floor(position / chunkLength) + 1, coresPerHead);
    for (let index = 0; index < runs.length; index++) {
      const { first, end } = runs[index]!;
      const core = index === 0 ? reducer : worker;
      for (let chunk = first; chunk < end; chunk++) {
        const firstKey = chunk * chunkLength;
        const keys = Math.min(chunkLength, position + 1 - firstKey);
        attendChunk(query, queryStart, cache, firstKey, keys, core, chunk === first);
      }
      if (index > 0) merge(reducer, worker);
    }
    const inverse = reciprocal(reducer.sum);
    for (let d = 0; d < headDim; d++) out[outStart + d] = multiply(reducer.output[d]!, inverse);
  };

  /** The reducer takes in one worker: both sides are rescaled, the winning one by exp(0) too. */
  function merge(into: PartialAttention, from: PartialAttention): void {
    const maximum = Math.max(into.maximum, from.maximum);
    const keep = decay(subtract(into.maximum, maximum));
    const take = decay(subtract(from.maximum, maximum));
    into.sum = add(multiply(into.sum, keep), multiply(from.sum, take));
    for (let d = 0; d < headDim; d++) {
      into.output[d] = add(multiply(into.output[d]!, keep), multiply(from.output[d]!, take));
    }
    into.maximum = maximum;
  }
}

type RowSum = (row: Float32Array, count: number) => number;

/**
 * Sum of a chunk's weights, packed to BF16. Kernel 2024: a reduce with scaler 1, the weights in SrcA (uncut). Kernel
 * 2026: a matmul by ones, the weights in SrcB (cut in HiFi2).
 */
function createRowSum(config: AttentionKnobs): RowSum {
  const { sdpaFidelity, sdpaFp32DestAcc, sdpaKernel, tier } = config;
  if (tier === 'exact' && sdpaKernel === '2026') {
    const options = { fp32DestAcc: sdpaFp32DestAcc, mathFidelity: sdpaFidelity };
    const pack = sdpaFp32DestAcc ? roundToBf16TiesAway : (sum: number): number => sum;
    return (row, count) => pack(sumRowByMatmul(row.subarray(0, count), 1, options));
  }
  return tier === 'exact' ? createReduceSum(sdpaFidelity) : createFloatSum(config);
}

const ONE = 0x3f80_0000;

function createReduceSum(mathFidelity: MathFidelity): RowSum {
  const reduce = createReduceTile({ fp32DestAcc: false, mathFidelity });
  return (row, count) => float32FromBits(reduce(bitsOf(row), 0, count, ONE, 0));
}

function createFloatSum(config: AttentionKnobs): RowSum {
  const { sdpaFp32DestAcc } = config;
  const add = createAdd(sdpaFp32DestAcc ? { ...config, tier: 'fp32' } : { ...config, eltwiseRounding: 'rtne' });
  const pack = sdpaFp32DestAcc && config.tier !== 'fp32' ? roundToBf16TiesAway : (sum: number): number => sum;
  const isCut = config.tier === 'fast' && config.sdpaKernel === '2026';
  const mask = isCut ? FAST_OPERAND_MASKS[config.sdpaFidelity].in0 << 16 : -1;
  const cell = new Float32Array(1);
  const cellBits = bitsOf(cell);
  return (row, count) => {
    let sum = 0;
    for (let tile = 0; tile < count; tile += TILE_SIDE) {
      const end = Math.min(tile + TILE_SIDE, count);
      let tileSum = 0;
      for (let j = tile; j < end; j++) {
        cell[0] = row[j]!;
        cellBits[0] = cellBits[0]! & mask;
        tileSum = Math.fround(tileSum + cell[0]!);
      }
      sum = add(sum, tileSum);
    }
    return pack(sum);
  };
}
