// The contract of a layer's attention with its keys and values: the plain TypeScript twin and the WASM kernel compute the
// same bits behind it.

import type { MatmulEngine } from '../wormhole/matmul-engine.ts';
import type { N150Config } from './compute-config.ts';

export interface AttentionShape {
  readonly queryHeads: number;
  /** K; each serves queryHeads / K neighbouring query heads. */
  readonly keyValueHeads: number;
  /** D. */
  readonly headDim: number;
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
  openAttention(shape: AttentionShape, config: N150Config): LayerAttention | undefined;
}

/** What the decode graph computes with; an engine of matmuls alone leaves attention to the twin. */
export type DeviceEngine = MatmulEngine & Partial<AttentionEngine>;
