// Golden rows that are compared with rows of several variants: each is scanned once.
import { type ScannedRow, scannedRow } from './row-scan.ts';

export class GoldenRows {
  readonly #rows: WeakMap<object, ScannedRow> = new WeakMap();

  /**
   * @param key - an object that stands for this row's values and for no others, however often they come.
   * @param row - [V] float32.
   */
  of(key: object, row: Float32Array): ScannedRow {
    const known = this.#rows.get(key);
    // Two variants may be compared at different lengths of the vocabulary.
    if (known?.row.length === row.length) return known;
    const scanned = scannedRow(row);
    this.#rows.set(key, scanned);
    return scanned;
  }
}
