// From unsigned codes to values: (code - zero point) * scale, with one scale and zero point a group of a row's columns.
// Exactness: code minus zero point is a small integer, its product with a float32 scale is exact in float64 and is rounded once, as
// float32 arithmetic does.
import { unpackFields } from './bit-fields.ts';

/** Which group a column belongs to. */
export interface Grouping {
  /** Columns that share a scale; the last group of a row may be smaller. */
  readonly groupSize: number;
  /** Groups of a row. */
  readonly groups: number;
  /** Column -> group, where groups are no runs of columns; [columns]. */
  readonly groupOf: Int32Array | undefined;
}

/** Scales and zero points of some rows of a matrix. */
export interface Scaling extends Grouping {
  /** [rows, groups]. */
  readonly scales: Float32Array;
  /** [rows, groups], as unsigned codes. */
  readonly zeros: Uint8Array;
}

/**
 * Decodes a packed row: its fields begin with `firstWord`, `row` is its index in the scaling, `values` [columns] float32 is filled whole.
 */
export type RowDecoder = (words: Uint32Array, firstWord: number, row: number, values: Float32Array) => void;

/** A decoder with memory of its own for one row. @param bits - of a code, 1 to 8. */
export function rowDecoder(bits: number, columns: number, scaling: Scaling): RowDecoder {
  const { groupSize, groups, groupOf } = scaling;
  const codes = new Uint8Array(columns);
  // A table of all values takes as long to fill as some codes to multiply: it pays for groups that are longer than it.
  if (bits !== 4 || groupSize < 32 || (groupOf === undefined && groupSize % 8 !== 0)) {
    return (words, firstWord, row, values) => {
      unpackFields(words, firstWord, bits, codes);
      valuesOfCodes(codes, scaling, row, values);
    };
  }
  const table = new Float32Array(groups * 16);
  if (groupOf === undefined) {
    return (words, firstWord, row, values) => {
      fillTable(scaling, row, table);
      valuesOfNibbles(words, firstWord, groupSize, table, values);
    };
  }
  const tableOf = groupOf.map((group) => group * 16);
  return (words, firstWord, row, values) => {
    fillTable(scaling, row, table);
    unpackFields(words, firstWord, bits, codes);
    for (let column = 0; column < columns; column++) values[column] = table[tableOf[column]! + codes[column]!]!;
  };
}

/** The definition. */
export function valuesOfCodes(codes: Uint8Array, scaling: Scaling, row: number, values: Float32Array): void {
  const { groupSize, groups, groupOf, scales, zeros } = scaling;
  const first = row * groups;
  if (groupOf !== undefined) {
    for (let column = 0; column < values.length; column++) {
      const group = first + groupOf[column]!;
      values[column] = (codes[column]! - zeros[group]!) * scales[group]!;
    }
    return;
  }
  for (let group = 0; group < groups; group++) {
    const scale = scales[first + group]!;
    const zero = zeros[first + group]!;
    const end = Math.min((group + 1) * groupSize, values.length);
    for (let column = group * groupSize; column < end; column++) values[column] = (codes[column]! - zero) * scale;
  }
}

/** The values of the 16 codes of each group of a row: [groups, 16]. */
export function fillTable({ groups, scales, zeros }: Scaling, row: number, table: Float32Array): void {
  for (let group = 0; group < groups; group++) {
    const scale = scales[row * groups + group]!;
    const zero = zeros[row * groups + group]!;
    for (let code = 0; code < 16; code++) table[group * 16 + code] = (code - zero) * scale;
  }
}

/** Eight fields of 4 bits to a word, whole words to a group. */
function valuesOfNibbles(
  words: Uint32Array,
  firstWord: number,
  groupSize: number,
  table: Float32Array,
  values: Float32Array,
): void {
  const { length } = values;
  for (let start = 0, base = 0, at = firstWord; start < length; start += groupSize, base += 16) {
    const end = Math.min(start + groupSize, length);
    let column = start;
    for (; column + 8 <= end; column += 8, at++) {
      const word = words[at]!;
      values[column] = table[base + (word & 15)]!;
      values[column + 1] = table[base + ((word >>> 4) & 15)]!;
      values[column + 2] = table[base + ((word >>> 8) & 15)]!;
      values[column + 3] = table[base + ((word >>> 12) & 15)]!;
      values[column + 4] = table[base + ((word >>> 16) & 15)]!;
      values[column + 5] = table[base + ((word >>> 20) & 15)]!;
      values[column + 6] = table[base + ((word >>> 24) & 15)]!;
      values[column + 7] = table[base + (word >>> 28)]!;
    }
    // Only at the end of a row: groups before it are whole words.
    for (let shift = 0; column < end; column++, shift += 4)
      values[column] = table[base + ((words[at]! >>> shift) & 15)]!;
  }
}
