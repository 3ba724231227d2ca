// A logits row with what follows from it alone; of a golden row it is kept, since rows of several variants are compared with it.
import { type Softmax, softmax } from './distribution.ts';
import { naturalLog, storeExponentials, weighDifferences } from './exp-log.ts';
import { createRowScan, type RowScan, scanRow } from './row-scan.ts';
import { findTopIds } from './top-tokens.ts';

/** Exponentials are kept of rows up to this length: 256 golden rows that wait have 32 MiB of them. */
const KEPT_EXPONENTIALS_MAX = 16_384;

export class MeasuredRow {
  /** [n] float32. */
  readonly row: Float32Array;
  readonly scan: RowScan;
  readonly #isKept: boolean;
  #exponentials: Float64Array | undefined;
  #sum = 0;
  #topIds: Int32Array | undefined;

  /**
   * @param scan - of the row.
   * @param isKept - whether it is measured against several others.
   */
  constructor(row: Float32Array, scan: RowScan, isKept: boolean) {
    this.row = row;
    this.scan = scan;
    this.#isKept = isKept && row.length <= KEPT_EXPONENTIALS_MAX;
  }

  /** With memory of its own. */
  static of(row: Float32Array, isKept: boolean): MeasuredRow {
    return new MeasuredRow(row, scanRow(row, createRowScan(row.length)), isKept);
  }

  /** Ids of the largest values, as `findTopIds`; of a row without NaN, the same `count` each time. */
  topIds(count: number): Int32Array {
    this.#topIds ??= findTopIds(this.row, this.scan, count);
    return this.#topIds;
  }

  /**
   * Softmax of a finite row.
   *
   * @param other - [n] float32, finite: the row of the other side.
   */
  softmax(other: Float32Array): Softmax {
    const { row, scan } = this;
    if (!this.#isKept) return softmax(row, other, scan.max);
    if (this.#exponentials === undefined) {
      this.#exponentials = new Float64Array(row.length);
      this.#sum = storeExponentials(row, scan.max, this.#exponentials);
    }
    return {
      logNormaliser: scan.max + naturalLog(this.#sum),
      meanDifference: weighDifferences(this.#exponentials, row, other) / this.#sum,
    };
  }
}

/** Golden rows that are compared with rows of several variants: each is measured once. */
export class GoldenRows {
  readonly #rows: WeakMap<object, MeasuredRow> = new WeakMap();

  /**
   * @param key - an object that stands for this row's values and for no others, however often they come.
   * @param row - [V] float32.
   */
  of(key: object, row: Float32Array): MeasuredRow {
    const known = this.#rows.get(key);
    // Two variants may be compared at different lengths of the vocabulary.
    if (known?.row.length === row.length) return known;
    const measured = MeasuredRow.of(row, true);
    this.#rows.set(key, measured);
    return measured;
  }
}
