// The contract of a layer's attention with its keys and values: the plain TypeScript twin and the WASM kernel compute the
// same bits behind it.
import type { EltwiseEngine } from './eltwise-engine.ts';
import type { KvPackingKnobs } from './kv-packing.ts';
import type { MathFidelity, MatmulEngine } from './matmul-engine.ts';
import type { ExponentialKnobs } from './sfpu/attention-exponentials.ts';
import type { VectorUnitKnobs } from './sfpu/vector-unit.ts';

export interface AttentionShape {
  readonly queryHeads: number;
  /** K; each serves queryHeads / K neighbouring query heads. */
  readonly keyValueHeads: number;
  /** D. */
  readonly headDim: number;
}

export const SDPA_KERNELS = ['2024', '2026'] as const;
export const ELTWISE_ROUNDINGS = ['hw', 'rtne'] as const;

/** What a board tells of its settings and derives from its grid of cores. */
export interface AttentionKnobs extends ExponentialKnobs, KvPackingKnobs, Pick<VectorUnitKnobs, 'sfpuRoots'> {
  readonly sdpaFidelity: MathFidelity;
  /** 2024: scores scaled on the matrix unit, sums by reduce; 2026: float32 scale inside the exponential, sums by matmul. */
  readonly sdpaKernel: (typeof SDPA_KERNELS)[number];
  /** Keys of a chunk, a multiple of 32. */
  readonly sdpaChunk: number;
  readonly eltwiseRounding: (typeof ELTWISE_ROUNDINGS)[number];
  /** Cores that share the chunks of a key/value head. */
  readonly coresPerHead: number;
  /** 1 / sqrt(D) as the host hands it to the kernel. */
  readonly scoreScale: number;
}

export interface LayerAttention {
  /**
   * Keeps one position's keys and values, packed as the device stores them.
   *
   * @param keys - [K * D] BF16 values from `keysStart`, rotated.
   * @param values - [K * D] BF16 values from `valuesStart`.
   */
  write(position: number, keys: Float32Array, keysStart: number, values: Float32Array, valuesStart: number): void;
  /**
   * Attends with every query head at successive positions, each over positions 0 … itself; all of them must have been
   * written. A position's result depends on no other's query.
   *
   * @param queries - BF16 values, rotated: row r's [queryHeads * D] at r * stride.
   * @param firstPosition - of row 0.
   * @returns [rows, queryHeads * D] BF16 values; a fresh array.
   */
  attend(queries: Float32Array, stride: number, rows: number, firstPosition: number): Float32Array;
  /** Gives the memory of keys and values back. */
  release(): void;
}

export interface AttentionEngine {
  /** @returns attention of one layer without positions, or undefined where these knobs have no kernel: the twin takes over. */
  openAttention(shape: AttentionShape, knobs: AttentionKnobs): LayerAttention | undefined;
}

/** What the decode graph computes with; an engine of matmuls alone leaves the rest to the twins. */
export type DeviceEngine = MatmulEngine & Partial<AttentionEngine> & Partial<EltwiseEngine>;
