// What a format makes of one matrix: how the writers of this folder are asked, one matrix at a time.
import type { TensorToWrite } from '../../../../src/checkpoint/safetensors.ts';

/** A linear layer's matrix, [rows, columns] float32 row-major, rows being output channels. */
export interface Matrix {
  /** Of the module, without `.weight`. */
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

export interface VariantFormat {
  /** Of its folder, and in the league's first column. */
  readonly name: string;
  /** The entry `quantization_config` of config.json, as the format's own tool writes it. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Rounds to the nearest code, without calibration. */
  quantise(matrix: Matrix): readonly TensorToWrite[];
}

/** Calls back with each run of `size` columns of each row; the last one of a row may be shorter. */
export function eachGroup(
  { rows, columns }: Matrix,
  size: number,
  use: (row: number, group: number, first: number, end: number) => void,
): void {
  for (let row = 0; row < rows; row++) {
    for (let column = 0, group = 0; column < columns; column += size, group++) {
      const first = row * columns + column;
      use(row, group, first, row * columns + Math.min(column + size, columns));
    }
  }
}

/** The largest size of the values from `first` to `end`. */
export function largestOf(values: Float32Array, first: number, end: number): number {
  let largest = 0;
  for (let i = first; i < end; i++) largest = Math.max(largest, Math.abs(values[i]!));
  return largest;
}
