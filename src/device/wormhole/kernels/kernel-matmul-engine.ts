// The matmul engine of compiled kernels: weights stay packed in shared memory, a worker pool multiplies.
// Exactness: the bits of the plain twins in matrix-unit/, for any number of threads and any number of rows at once.
import { DeviceError, ShapeError } from '../../../errors.ts';
import { packedBytes, TILE_SIDE, tilesAcross } from '../../../tensor/tile-layout.ts';
import type { DeviceEngine } from '../attention-engine.ts';
import { PHASE_COUNT } from '../fidelity.ts';
import type {
  LoadedMatrix,
  MatmulEngine,
  MatmulOptions,
  MatmulTier,
  OutputFormat,
  WeightFormat,
} from '../matmul-engine.ts';
import { requireSupportedMatmul } from '../matrix-unit/matmul-blocks.ts';
import { FAST_OPERAND_MASKS } from '../matrix-unit/matmul-fast.ts';
import * as layout from './job-layout.ts';
import { createKernelAttention, hasKernelAttention } from './kernel-attention.ts';
import { createKernelEltwise } from './kernel-eltwise.ts';
import {
  bankWithRoom,
  createKernelPool,
  type JobFields,
  type KernelBank,
  type KernelPool,
  writeJob,
} from './kernel-pool.ts';

const FORMAT_CODE: Readonly<Record<WeightFormat | OutputFormat, number>> = {
  BF16: layout.FORMAT_BF16,
  BFP8_B: layout.FORMAT_BFP8,
  BFP4_B: layout.FORMAT_BFP4,
  FP32: layout.FORMAT_FP32,
};

/** Multiplications below which waking the workers costs more than they save (a wake-up is tens of microseconds). */
const SMALL_JOB = 65_536;

const ALL_BITS = -1;

interface Resident extends LoadedMatrix {
  readonly bank: KernelBank;
  readonly start: number;
}

/** What the float loop is asked to do; tier fp32 is the same loop with nothing cut and one block. */
interface EffectiveOptions extends MatmulOptions {
  readonly in0Mask: number;
  readonly in1Mask: number;
}

export interface KernelEngineOptions {
  /** Threads in all, the calling one included. */
  readonly threads: number;
}

export async function createKernelMatmulEngine(options: KernelEngineOptions): Promise<Required<DeviceEngine>> {
  return createEngineOnPool(await createKernelPool(options));
}

/** The engine on a pool that the caller made; closing the engine closes the pool. */
export function createEngineOnPool(pool: KernelPool): Required<DeviceEngine> {
  const residents = new Set<Resident>();

  function requireResident(weights: LoadedMatrix): Resident {
    const resident = weights as Resident;
    if (residents.has(resident)) return resident;
    throw new DeviceError('The weights are not loaded in this engine.', {
      code: 'WEIGHTS_NOT_LOADED',
      facts: { found: `[${weights.k}, ${weights.n}] ${weights.format}, released or of another engine`, wanted: 'load' },
      hint: 'load the matrix again before multiplying',
    });
  }

  const reserve: MatmulEngine['reserve'] = ({ format, k, n }) => {
    const bytes = packedBytes(format, k, n);
    const bank = bankWithRoom(pool, bytes);
    const start = bank.heap.allocate(bytes);
    const matrix: Resident = { format, k, n, bank, start };
    residents.add(matrix);
    return { matrix, tiles: bank.heap.bytes(start, bytes) };
  };

  return {
    load(weights) {
      const { matrix, tiles } = reserve(weights);
      tiles.set(weights.tiles);
      return matrix;
    },
    reserve,
    release(weights) {
      const resident = requireResident(weights);
      residents.delete(resident);
      resident.bank.heap.free(resident.start);
    },
    matmul(in0, rows, weights, options) {
      const resident = requireResident(weights);
      requireSupportedMatmul(options);
      if (in0.length !== rows * resident.k) {
        throw new ShapeError('The activations do not fit the weights of a matmul.', {
          code: 'MATMUL_SHAPE',
          facts: { found: `${in0.length} elements`, wanted: `${rows} rows * K ${resident.k}` },
          hint: 'pass in0 as [rows, K] row-major',
        });
      }
      return rows === 0 ? new Float32Array(0) : runMatmul(pool, in0, rows, resident, options);
    },
    openAttention: (shape, config) =>
      hasKernelAttention(shape, config) ? createKernelAttention(pool, shape, config) : undefined,
    ...createKernelEltwise(pool),
    close: () => pool.close(),
  };
}

function runMatmul(
  pool: KernelPool,
  in0: Float32Array,
  rows: number,
  weights: Resident,
  options: MatmulOptions,
): Float32Array {
  const { k, n, bank } = weights;
  const { heap, kernels } = bank;
  const effective = effectiveOptions(options, k);
  const regions: number[] = [];
  const allocate = (bytes: number): number => {
    const start = heap.allocate(bytes);
    regions.push(start);
    return start;
  };
  try {
    const source = allocate(in0.length * 4);
    const out = allocate(rows * n * 4);
    const activations = allocateActivations(allocate, rows * tilesAcross(k), options.tier);
    heap.floats(source, in0.length).set(in0);
    const range = kernels.tileActivations(source, activations.raw, rows, k, effective.in0Mask);
    if (options.tier === 'exact') {
      const { raw, high, low, exponents, ranges, groups } = activations;
      kernels.splitActivations(raw, high, low, exponents, ranges, groups);
    }
    writeJob(bank, jobFields({ rows, weights, options: effective, activations, range, out }));
    pool.run(bank, rows * k * n < SMALL_JOB);
    return heap.floats(out, rows * n).slice();
  } finally {
    for (const start of regions) heap.free(start);
  }
}

/** Activations in K tiles, [groups, 32] each, a group being one row of one tile; the parts only in tier exact. */
interface Activations {
  readonly groups: number;
  readonly raw: number;
  readonly high: number;
  readonly low: number;
  readonly exponents: number;
  readonly ranges: number;
}

function allocateActivations(allocate: (bytes: number) => number, groups: number, tier: MatmulTier): Activations {
  const raw = allocate(groups * TILE_SIDE * 4);
  if (tier !== 'exact') return { groups, raw, high: 0, low: 0, exponents: 0, ranges: 0 };
  return {
    groups,
    raw,
    high: allocate(groups * TILE_SIDE * 4),
    low: allocate(groups * TILE_SIDE * 4),
    exponents: allocate(groups * TILE_SIDE * 2),
    ranges: allocate(groups * 4),
  };
}

function effectiveOptions(options: MatmulOptions, k: number): EffectiveOptions {
  if (options.tier === 'exact') return { ...options, in0Mask: ALL_BITS, in1Mask: ALL_BITS };
  if (options.tier === 'fast') {
    const masks = FAST_OPERAND_MASKS[options.mathFidelity];
    return { ...options, in0Mask: masks.in0 << 16, in1Mask: masks.in1 << 16 };
  }
  return {
    ...options,
    fp32DestAcc: true,
    packerL1Acc: false,
    in0BlockW: tilesAcross(k),
    intermediateFormat: 'FP32',
    in0Mask: ALL_BITS,
    in1Mask: ALL_BITS,
  };
}

interface Job {
  readonly rows: number;
  readonly weights: Resident;
  readonly options: EffectiveOptions;
  readonly activations: Activations;
  /** As tileActivations returns it. */
  readonly range: number;
  readonly out: number;
}

function jobFields({ rows, weights, options, activations, range, out }: Job): JobFields {
  const { k, n, format, start } = weights;
  return [
    [layout.JOB_KIND, layout.KIND_MATMUL],
    [layout.JOB_TIER, options.tier === 'exact' ? layout.TIER_EXACT : layout.TIER_FLOAT],
    [layout.JOB_ROWS, rows],
    [layout.JOB_N, n],
    [layout.JOB_TILES_K, tilesAcross(k)],
    [layout.JOB_TILES_N, tilesAcross(n)],
    [layout.JOB_WEIGHTS, start],
    [layout.JOB_WEIGHT_FORMAT, FORMAT_CODE[format]],
    [layout.JOB_WEIGHT_MASK, options.in1Mask],
    [layout.JOB_IS_DST_32, Number(options.fp32DestAcc)],
    [layout.JOB_L1_ACC, Number(options.packerL1Acc)],
    [layout.JOB_IN0_BLOCK_W, options.in0BlockW],
    [layout.JOB_INTERMEDIATE, FORMAT_CODE[options.intermediateFormat]],
    [layout.JOB_OUTPUT_FORMAT, FORMAT_CODE[options.outputFormat]],
    [layout.JOB_DOUBLE_ROUND, Number(options.bfp8PackDoubleRound)],
    [layout.JOB_PHASES, PHASE_COUNT[options.mathFidelity]],
    [layout.JOB_IN0, activations.raw],
    [layout.JOB_IN0_HIGH, activations.high],
    [layout.JOB_IN0_LOW, activations.low],
    [layout.JOB_IN0_EXPONENTS, activations.exponents],
    [layout.JOB_IN0_RANGES, activations.ranges],
    [layout.JOB_IN0_RANGE, options.tier === 'fast' ? range : layout.RANGE_UNKNOWN],
    [layout.JOB_OUT, out],
    [layout.JOB_UNITS, Math.ceil(n / layout.PANEL_COLUMNS) * Math.ceil(rows / layout.BLOCK_ROWS)],
  ];
}
