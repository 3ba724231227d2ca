// First pass over a logits row: sum, zeros, best tokens, and least and largest values of stretches, from which most of the rest follows cheaply.
import { STRIP_SIZE, TOP_COUNT } from './kernels/layout.ts';
import { KERNEL_PASSES } from './kernels/row-kernels.ts';
import type { RowPasses, ScanArrays } from './row-passes.ts';

/** Entries per block: 32 tiles of 32 columns, a stretch of the vocabulary that one core of the lm_head writes. */
export const BLOCK_SIZE = 1024;

/** Result of a scan; its arrays are reused by the next scan into it. */
export interface RowScan extends ScanArrays {
  /** [blocks] float64, over the values that are numbers; NaN if the block begins with a NaN. */
  readonly blockMin: Float64Array;
  readonly blockMax: Float64Array;
  min: number;
  max: number;
  mean: number;
  zeros: number;
  /** All values of the row are finite. */
  isFinite: boolean;
}

/** Memory for scans of rows up to this length. */
export function createRowScan(length: number): RowScan {
  const blocks = countBlocks(length);
  return {
    blockMin: new Float64Array(blocks),
    blockMax: new Float64Array(blocks),
    stripMin: new Float32Array(countStrips(length)),
    stripMax: new Float32Array(countStrips(length)),
    topIds: new Int32Array(Math.min(TOP_COUNT, length)),
    min: Number.NaN,
    max: Number.NaN,
    mean: Number.NaN,
    zeros: 0,
    isFinite: false,
  };
}

/** A tail shorter than half a block belongs to the block before it: a few values are often equal by chance. */
export function countBlocks(length: number): number {
  return Math.max(1, Math.round(length / BLOCK_SIZE));
}

/** Exclusive end of a block. */
export function blockEnd(block: number, length: number): number {
  return block === countBlocks(length) - 1 ? length : (block + 1) * BLOCK_SIZE;
}

export function countStrips(length: number): number {
  return Math.ceil(length / STRIP_SIZE);
}

/**
 * Scans a row.
 *
 * @param row - [n] float32, n >= 1, any values.
 * @param into - overwritten.
 * @param passes - of any, the same bits.
 */
export function scanRow(row: Float32Array, into: RowScan, passes: RowPasses = KERNEL_PASSES): RowScan {
  const { sum, zeros } = passes.scan(row, into);
  const { stripMin, stripMax } = into;
  const blocks = countBlocks(row.length);
  let rowMin = Number.POSITIVE_INFINITY;
  let rowMax = Number.NEGATIVE_INFINITY;
  for (let block = 0; block < blocks; block++) {
    const from = block * BLOCK_SIZE;
    const end = countStrips(blockEnd(block, row.length));
    let min = row[from]! + 0;
    let max = min;
    for (let strip = from / STRIP_SIZE; strip < end; strip++) {
      if (stripMin[strip]! < min) min = stripMin[strip]!;
      if (stripMax[strip]! > max) max = stripMax[strip]!;
    }
    into.blockMin[block] = min;
    into.blockMax[block] = max;
    rowMin = Math.min(rowMin, min);
    rowMax = Math.max(rowMax, max);
  }
  into.min = rowMin;
  into.max = rowMax;
  into.mean = sum / row.length;
  into.zeros = zeros;
  // Float32 values cannot overflow a float64 sum: it is finite exactly if every value is.
  into.isFinite = Number.isFinite(sum);
  return into;
}

/** A row [n] and its scan. */
export interface ScannedRow {
  readonly row: Float32Array;
  readonly scan: RowScan;
}

/** With memory of its own. */
export function scannedRow(row: Float32Array): ScannedRow {
  return { row, scan: scanRow(row, createRowScan(row.length)) };
}
