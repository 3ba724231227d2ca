// Values of the base in another order: transposed, permuted in heads or groups, rows or columns anywhere.
import type { ModelConfig } from '../../../src/checkpoint/config.ts';
import { type MatrixView, matrixView } from '../../../src/tensor/views.ts';
import { correlation, isBetter, SAME_VALUES_MIN } from './correlation.ts';
import { type GroupPermutation, groupPermutations } from './group-permutations.ts';
import { isMatrix, readRowsOf, spread, type TensorPair } from './tensor-pair.ts';
import { ELEMENTS_AT_ONCE } from './tensor-sums.ts';
import type { Diagnosis } from './weight-comparison.ts';

/** Rows, or columns, that a search for their like is made for. */
const SOUGHT = 16;
/** Values that a row, or a column, is known by. */
const FINGERPRINT = 64;
/** Of those sought, found elsewhere. */
const FOUND_MIN = 0.75;
/** Groups of neighbours that are looked at. */
const GROUPS = 8;

/** @returns undefined where no other order explains the values. */
export function diagnoseOrder(pair: TensorPair, config: Pick<ModelConfig, 'headDim'>): Diagnosis | undefined {
  const headDim = /\.(q|k)_proj\./.test(pair.name) ? config.headDim : undefined;
  return (
    groupOrder(pair, headDim) ??
    (isMatrix(pair) ? (transposed(pair) ?? rowOrder(pair) ?? columnOrder(pair)) : undefined)
  );
}

function groupOrder(pair: TensorPair, headDim: number | undefined): Diagnosis | undefined {
  const { rows, columns, name } = pair;
  const block = Math.max(32, headDim ?? 0);
  const blocks = spread(Math.ceil(rows / block), GROUPS);
  const indexes = blocks.flatMap((one) => range(one * block, Math.min(rows, (one + 1) * block)));
  const base = matrixView(readRowsOf(pair.base, indexes), indexes.length, columns);
  const variant = matrixView(readRowsOf(pair.variant, indexes), indexes.length, columns);
  const plain = correlation(base.data, variant.data);
  // A vector's elements are its columns here; a matrix has heads in its rows.
  const tried = groupPermutations(headDim).flatMap((permutation) =>
    (isMatrix(pair) ? (['rows', 'columns'] as const) : (['columns'] as const)).map((axis) => {
      const isPossible = permutation.kind !== 'permutedHeads' || axis === 'rows' || !isMatrix(pair);
      return { permutation, axis, fits: isPossible ? fitOf(permutation, axis, base, variant) : 0 };
    }),
  );
  const best = tried.sort((a, b) => b.fits - a.fits)[0]!;
  if (!isBetter(best.fits, plain)) return undefined;
  const of = isMatrix(pair) ? best.axis : name.endsWith('.bias') ? 'values' : best.axis;
  return { kind: best.permutation.kind, sentence: `its ${of} ${best.permutation.says}` };
}

/** Correlation of the variant with the base so permuted; what is left over at the end of an axis is left out. */
function fitOf({ from }: GroupPermutation, axis: 'rows' | 'columns', base: MatrixView, variant: MatrixView): number {
  const size = from.length;
  // Seen from the other side, columns are rows.
  const [ours, theirs] = axis === 'rows' ? [base, variant] : [base.transpose(1, 0), variant.transpose(1, 0)];
  const [length = 0, across = 0] = ours.shape;
  const whole = Math.floor(length / size) * size;
  if (whole === 0) return 0;
  const expected = new Float32Array(whole * across);
  const actual = new Float32Array(whole * across);
  for (let row = 0; row < whole; row++) {
    const source = row - (row % size) + from[row % size]!;
    copyRow(ours, source, expected, row * across);
    copyRow(theirs, row, actual, row * across);
  }
  return correlation(expected, actual);
}

function copyRow(view: MatrixView, row: number, out: Float32Array, at: number): void {
  const line = view.pick(row, null);
  const [stride = 1] = line.stride;
  for (let i = 0; i < (line.shape[0] ?? 0); i++) out[at + i] = line.data[line.offset + i * stride]!;
}

/** The variant's numbers, in order, are the base's column after column: a matrix of any shape written the other way round. */
function transposed(pair: TensorPair): Diagnosis | undefined {
  const { rows, columns } = pair;
  const picked = spread(columns, SOUGHT);
  const base = columnsOf(pair, picked);
  const expected: number[] = [];
  const actual: number[] = [];
  for (const [i, column] of picked.entries()) {
    const first = Math.floor((column * rows) / columns);
    const last = Math.floor((column * rows + rows - 1) / columns);
    const values = readRowsOf(pair.variant, range(first, last + 1));
    const skip = column * rows - first * columns;
    for (let row = 0; row < rows; row++) {
      expected.push(base[row * picked.length + i]!);
      actual.push(values[skip + row]!);
    }
  }
  if (correlation(expected, actual) < SAME_VALUES_MIN) return undefined;
  const sentence =
    rows === columns
      ? 'transposed: it is the base with rows and columns exchanged'
      : `transposed: its numbers are the base's column after column, [${columns}, ${rows}] read as [${rows}, ${columns}]`;
  return { kind: 'transposed', sentence };
}

/** Rows that stand elsewhere, wherever that is. */
function rowOrder(pair: TensorPair): Diagnosis | undefined {
  const { rows, columns } = pair;
  const marks = spread(columns, FINGERPRINT);
  const sought = spread(rows, SOUGHT);
  const variant = readRowsOf(pair.variant, sought);
  const found = likesOf(
    sought.map((_, i) => Float32Array.from(marks, (column) => variant[i * columns + column]!)),
    columnsOf(pair, marks),
    rows,
  );
  return orderDiagnosis('rows', sought, found);
}

function columnOrder(pair: TensorPair): Diagnosis | undefined {
  const { rows, columns } = pair;
  const marks = spread(rows, FINGERPRINT);
  const sought = spread(columns, SOUGHT);
  const variant = matrixView(readRowsOf(pair.variant, marks), marks.length, columns);
  const base = matrixView(readRowsOf(pair.base, marks), marks.length, columns).transpose(1, 0);
  const prints = new Float32Array(columns * marks.length);
  for (let column = 0; column < columns; column++) copyRow(base, column, prints, column * marks.length);
  const lines = sought.map((column) => {
    const line = new Float32Array(marks.length);
    copyRow(variant.transpose(1, 0), column, line, 0);
    return line;
  });
  return orderDiagnosis('columns', sought, likesOf(lines, prints, columns));
}

/** For each line the candidate that it correlates with; undefined without one. @param prints - [candidates, line length]. */
function likesOf(lines: readonly Float32Array[], prints: Float32Array, candidates: number): (number | undefined)[] {
  const length = prints.length / candidates;
  // Of a few values some other line has as good ones by chance.
  if (length < SOUGHT) return lines.map(() => undefined);
  return lines.map((line) => {
    let best: number | undefined;
    let most = SAME_VALUES_MIN;
    for (let i = 0; i < candidates; i++) {
      const fits = correlation(line, prints.subarray(i * length, (i + 1) * length));
      if (fits > most) [best, most] = [i, fits];
    }
    return best;
  });
}

function orderDiagnosis(
  of: 'rows' | 'columns',
  sought: readonly number[],
  found: readonly (number | undefined)[],
): Diagnosis | undefined {
  const moved = found.flatMap((from, i) =>
    from === undefined || from === sought[i] ? [] : [[sought[i]!, from] as const],
  );
  if (
    found.filter((from) => from !== undefined).length < FOUND_MIN * sought.length ||
    moved.length < sought.length / 2
  ) {
    return undefined;
  }
  const [to, from] = moved[0]!;
  const steps = new Set(moved.map(([row, source]) => source - row));
  const [step = 0] = steps;
  const sentence =
    steps.size === 1
      ? `its ${of} are shifted by ${Math.abs(step)}: ${of.slice(0, -1)} ${to} holds the base's ${from}`
      : `its ${of} are permuted: ${of.slice(0, -1)} ${to} holds the base's ${from}`;
  return { kind: of === 'rows' ? 'permutedRows' : 'permutedColumns', sentence };
}

/** Columns of the base: [rows, indexes.length], read once from top to bottom. */
function columnsOf({ base, rows, columns }: TensorPair, indexes: readonly number[]): Float32Array {
  const picked = new Float32Array(rows * indexes.length);
  const step = Math.max(1, Math.floor(ELEMENTS_AT_ONCE / columns));
  for (let first = 0; first < rows; first += step) {
    const count = Math.min(step, rows - first);
    const view = matrixView(readRowsOf(base, range(first, first + count)), count, columns);
    for (const [i, column] of indexes.entries()) {
      const line = view.pick(null, column);
      for (let row = 0; row < count; row++) picked[(first + row) * indexes.length + i] = line.get(row);
    }
  }
  return picked;
}

function range(first: number, end: number): number[] {
  return Array.from({ length: end - first }, (_, i) => first + i);
}
