// First pass over a logits row: sum, zeros, and least and largest values of stretches, from which most of the rest follows cheaply.

/** Entries per block: 32 tiles of 32 columns, a stretch of the vocabulary that one core of the lm_head writes. */
export const BLOCK_SIZE = 1024;

/** Entries per strip, a part of a block: what is looked for among the largest values skips most strips. */
export const STRIP_SIZE = 64;

/** Result of a scan; its arrays are reused by the next scan into it. */
export interface RowScan {
  /** [blocks] float64, over the values that are numbers; NaN if the block begins with a NaN. */
  readonly blockMin: Float64Array;
  readonly blockMax: Float64Array;
  /** [strips] float64, of a row without NaN. */
  readonly stripMax: Float64Array;
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
    stripMax: new Float64Array(countStrips(length)),
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
 */
export function scanRow(row: Float32Array, into: RowScan): RowScan {
  const blocks = countBlocks(row.length);
  let sum = 0;
  let zeros = 0;
  let rowMin = Number.POSITIVE_INFINITY;
  let rowMax = Number.NEGATIVE_INFINITY;
  for (let block = 0; block < blocks; block++) {
    const from = block * BLOCK_SIZE;
    const to = blockEnd(block, row.length);
    let min = row[from]!;
    let max = min;
    for (let start = from; start < to; start += STRIP_SIZE) {
      const end = Math.min(start + STRIP_SIZE, to);
      let stripMax = Number.NEGATIVE_INFINITY;
      for (let i = start; i < end; i++) {
        const value = row[i]!;
        sum += value;
        if (value < min) min = value;
        if (value > stripMax) stripMax = value;
        if (value === 0) zeros++;
      }
      if (stripMax > max) max = stripMax;
      into.stripMax[start / STRIP_SIZE] = stripMax;
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
