// A layer's attention on the worker pool: keys and values stay in shared memory, heads and positions are shared out.
// Exactness: the bits of ops/attention-decode.ts, for any number of threads and any number of rows at once.
import { InternalError } from '../../../errors.ts';
import { truncateToBf16 } from '../../../numerics/bf16.ts';
import { float32Bits } from '../../../numerics/float-bits.ts';
import { TILE_SIDE, tilesAcross } from '../../../tensor/tile-layout.ts';
import type { AttentionKnobs, AttentionShape, LayerAttention } from '../attention-engine.ts';
import { PHASE_COUNT } from '../fidelity.ts';
import type { MatmulTier } from '../matmul-engine.ts';
import { FAST_OPERAND_MASKS } from '../matrix-unit/matmul-fast.ts';
import * as layout from './job-layout.ts';
import { createKernelKvCache, type KernelKvRegion } from './kernel-kv-cache.ts';
import { type JobFields, type KernelPool, writeJob } from './kernel-pool.ts';

/** Which combinations the kernel computes: those with a 16-bit Dst whose units of one head and position fit a worker's scratch. */
export function hasKernelAttention({ headDim }: AttentionShape, knobs: AttentionKnobs): boolean {
  const { tier, sdpaChunk, sdpaFp32DestAcc } = knobs;
  return !sdpaFp32DestAcc && unitRowsMax(headDim, sdpaChunk, tier) >= 1;
}

/** Query rows that share keys and values from the processor's cache; more of them gain nothing. */
const UNIT_ROWS_MAX = 32;

/** Query rows of a unit whose scratch holds four rows of D, one of scores and five numbers for each. */
function unitRowsMax(headDim: number, chunk: number, tier: MatmulTier): number {
  const floats = 4 * tilesAcross(headDim) * TILE_SIDE + chunk + 5;
  const [workBytes, workRowBytes] =
    tier === 'exact' ? [layout.ATTENTION_EXACT_BYTES, layout.ATTENTION_EXACT_ROW_BYTES] : [0, 0];
  return Math.min(UNIT_ROWS_MAX, Math.floor((layout.SCRATCH_BYTES - workBytes) / (4 * floats + workRowBytes)));
}

/** Multiplications below which waking the workers costs more than they save. */
const SMALL_JOB = 32_768;

const EXPONENTIAL_CODE: Readonly<Record<AttentionKnobs['sdpaExp'], number>> = {
  fastApprox: layout.EXPONENTIAL_FAST,
  accurate2024: layout.EXPONENTIAL_ACCURATE_2024,
  ttnn2026: layout.EXPONENTIAL_TTNN_2026,
  exact: layout.EXPONENTIAL_EXACT,
};

/** @throws DeviceError as the pool does, from `attend`. */
export function createKernelAttention(pool: KernelPool, shape: AttentionShape, config: AttentionKnobs): LayerAttention {
  const width = shape.queryHeads * shape.headDim;
  const cuts = config.tier === 'fast';
  const masks = FAST_OPERAND_MASKS[config.sdpaFidelity];
  const cache = createKernelKvCache(pool, shape, config, cuts ? masks.in1 << 16 : -1);
  const rowsMax = unitRowsMax(shape.headDim, config.sdpaChunk, config.tier);
  const knobs = knobFields(shape, config, cuts ? masks.in0 << 16 : -1);

  function run(region: KernelKvRegion, queries: number, out: number, rows: number, firstPosition: number): void {
    const { unitRows, unitHeads, units } = shareOut(shape, rowsMax, rows, firstPosition, pool.threads);
    const { bank, capacity, keys, values } = region;
    writeJob(bank, [
      ...knobs,
      [layout.JOB_UNITS, units],
      [layout.ATTENTION_FIRST_POSITION, firstPosition],
      [layout.ATTENTION_ROWS, rows],
      [layout.ATTENTION_UNIT_ROWS, unitRows],
      [layout.ATTENTION_UNIT_HEADS, unitHeads],
      [layout.ATTENTION_QUERIES, queries],
      [layout.ATTENTION_KEYS, keys],
      [layout.ATTENTION_VALUES, values],
      [layout.ATTENTION_CAPACITY, capacity],
      [layout.ATTENTION_OUT, out],
    ]);
    pool.run(bank, 2 * rows * (firstPosition + rows) * width < SMALL_JOB);
  }

  return {
    write: cache.write,
    attend(queries, stride, rows, firstPosition): Float32Array {
      const { region } = cache;
      if (rows === 0) return new Float32Array(0);
      if (region === undefined) {
        throw new InternalError('Attention was asked for positions that were never written.', {
          code: 'ATTENTION_EMPTY',
          facts: { found: 'no keys and values', wanted: `those of positions 0 … ${firstPosition + rows - 1}` },
        });
      }
      const { heap } = region.bank;
      const [source, out] = heap.allocateEach([rows * width * 4, rows * width * 4]) as [number, number];
      try {
        const gathered = heap.floats(source, rows * width);
        for (let row = 0; row < rows; row++) {
          gathered.set(queries.subarray(row * stride, row * stride + width), row * width);
        }
        run(region, source, out, rows, firstPosition);
        return heap.floats(out, rows * width).slice();
      } finally {
        heap.free(source);
        heap.free(out);
      }
    },
    release: cache.release,
  };
}

/** The job's fields that depend on the layer's shape and knobs only. */
function knobFields(shape: AttentionShape, config: AttentionKnobs, in0Mask: number): JobFields {
  const { queryHeads, keyValueHeads, headDim } = shape;
  const { tier, sdpaKernel, sdpaChunk, sdpaExp, sdpaFidelity, eltwiseRounding, sfpuRoots } = config;
  const isFloat32 = tier === 'fp32';
  const scale = 1 / Math.sqrt(headDim);
  const isScaleInside = sdpaKernel === '2026';
  const insideScale = isScaleInside ? Math.fround(scale) : 1;
  const cutsDecayScale = sdpaExp === 'ttnn2026' && !isFloat32;
  const roundedArithmetic = eltwiseRounding === 'hw' ? layout.ARITHMETIC_HARDWARE : layout.ARITHMETIC_NEAREST_EVEN;
  return [
    [layout.JOB_KIND, layout.KIND_ATTENTION],
    [layout.ATTENTION_HEAD_DIM, headDim],
    [layout.ATTENTION_QUERY_HEADS, queryHeads],
    [layout.ATTENTION_KEY_VALUE_HEADS, keyValueHeads],
    [layout.ATTENTION_TIER, tier === 'exact' ? layout.TIER_EXACT : layout.TIER_FLOAT],
    [layout.ATTENTION_CHUNK, sdpaChunk],
    [layout.ATTENTION_CORES, config.coresPerHead],
    [layout.ATTENTION_ARITHMETIC, isFloat32 ? layout.ARITHMETIC_FLOAT32 : roundedArithmetic],
    [layout.ATTENTION_PHASES, PHASE_COUNT[sdpaFidelity]],
    [layout.ATTENTION_IN0_MASK, in0Mask],
    // The sum of kernel 2026 is a matmul too.
    [layout.ATTENTION_SUM_MASK, isScaleInside ? in0Mask : -1],
    [layout.ATTENTION_SUMS_BY_MATMUL, Number(isScaleInside)],
    [layout.ATTENTION_EXPONENTIAL, isFloat32 ? layout.EXPONENTIAL_EXACT : EXPONENTIAL_CODE[sdpaExp]],
    [layout.ATTENTION_RECIPROCAL, sfpuRoots === 'exact' ? layout.RECIPROCAL_EXACT : layout.RECIPROCAL_2024],
    [layout.ATTENTION_SCORE_SCALE, isScaleInside ? 0 : float32Bits(config.scoreScale)],
    [layout.ATTENTION_WEIGHT_SCALE, float32Bits(insideScale)],
    [layout.ATTENTION_DECAY_SCALE, float32Bits(cutsDecayScale ? truncateToBf16(insideScale) : insideScale)],
  ];
}

interface Shares {
  /** Positions of a unit: a power of two, at most 32, so that units never reach across a tile of keys. */
  readonly unitRows: number;
  readonly unitHeads: number;
  readonly units: number;
}

/** As many query rows to a unit as share keys and values well, but two units for each thread where heads can be shared out. */
function shareOut(
  shape: AttentionShape,
  rowsMax: number,
  rows: number,
  firstPosition: number,
  threads: number,
): Shares {
  const { queryHeads, keyValueHeads } = shape;
  const group = queryHeads / keyValueHeads;
  let unitHeads = Math.min(group, rowsMax);
  const unitRows = 2 ** Math.floor(Math.log2(rowsMax / unitHeads));
  const blocks = Math.floor((firstPosition + rows - 1) / unitRows) - Math.floor(firstPosition / unitRows) + 1;
  const parts = Math.ceil((2 * threads) / (blocks * keyValueHeads));
  unitHeads = Math.min(unitHeads, Math.ceil(group / parts));
  return { unitRows, unitHeads, units: blocks * keyValueHeads * Math.ceil(group / unitHeads) };
}
