// How the scales of a compressed-tensors matrix lie over it: one for all, one a row, one a run of columns, one a block.

import { notRead } from '../format.ts';
import type { Grouping } from '../grouped-values.ts';
import type { WeightScheme } from './scheme.ts';

export interface ScaleGrid extends Pick<Grouping, 'groups' | 'groupSize'> {
  /** Shapes under which the scales may be stored: the same number of elements. */
  readonly shapes: readonly (readonly number[])[];
  /** Rows of scales, each with `groups` of them. */
  readonly rows: number;
  /** Row of the matrix -> row of its scales. */
  scaleRow(row: number): number;
}

/** @throws UnsupportedError `QUANTISED_UNSUPPORTED` for columns that are no whole groups: the library does not pack such. */
export function scaleGrid(
  path: string,
  name: string,
  { strategy, groupSize, block }: WeightScheme,
  [rows, columns]: readonly [number, number],
): ScaleGrid {
  const whole = { groups: 1, groupSize: columns };
  if (strategy === 'tensor') return { ...whole, rows: 1, shapes: [[1], [], [1, 1]], scaleRow: () => 0 };
  if (strategy === 'channel') return { ...whole, rows, shapes: [[rows, 1], [rows]], scaleRow: (row) => row };
  if (block !== undefined) {
    const [height, width] = block;
    const grid = [Math.ceil(rows / height), Math.ceil(columns / width)] as const;
    const scaleRow = (row: number): number => Math.floor(row / height);
    return { groups: grid[1], groupSize: width, rows: grid[0], shapes: [grid], scaleRow };
  }
  if (columns % groupSize !== 0) {
    throw notRead(path, `${name} has columns that are no whole groups`, `${columns} columns`, `groups of ${groupSize}`);
  }
  const groups = columns / groupSize;
  return { groups, groupSize, rows, shapes: [[rows, groups]], scaleRow: (row) => row };
}
