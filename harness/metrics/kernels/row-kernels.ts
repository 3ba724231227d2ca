// The passes over rows as kernels: rows go window by window through a small memory of theirs, in which the sums stay.
import { readFileSync } from 'node:fs';
import { EXPONENTIAL_NUMBERS, FRACTIONAL_POWERS } from '../exp-log.ts';
import {
  addToPair,
  addToScan,
  clearPairSums,
  type PairRows,
  type PairShifts,
  type PairSums,
  type RowPasses,
  type RowSums,
  readPairSums,
  readRowSums,
  type ScanArrays,
} from '../row-passes.ts';
import {
  MEMORY_PAGES,
  NUMBERS_START,
  PAIR_FIELDS,
  PAIR_SUMS_START,
  POWERS_START,
  ROW_FIELDS,
  ROW_SUMS_START,
  STEPS_PER_OCTAVE,
  STRIP_MAX_START,
  STRIP_MIN_START,
  STRIP_SIZE,
  WINDOW_BYTES,
  WINDOW_SIZE,
  WINDOWS_START,
} from './layout.ts';

/** What row-kernels.wasm exports; addresses and counts are 32-bit integers. */
interface KernelExports {
  scanRow(first: number, strips: number): void;
  measurePair(
    first: number,
    strips: number,
    goldenMean: number,
    actualMean: number,
    goldenMax: number,
    actualMax: number,
    previousGolden: number,
    firstGolden: number,
    previousActual: number,
  ): void;
}

interface KernelMemory {
  readonly buffer: ArrayBuffer;
}

declare const WebAssembly: {
  readonly Memory: new (descriptor: { initial: number; maximum: number }) => KernelMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: { env: { memory: object } }) => { readonly exports: KernelExports };
};

const MODULE_URL = new URL('./row-kernels.wasm', import.meta.url);
const STRIPS_PER_WINDOW = WINDOW_SIZE / STRIP_SIZE;

type RowName = keyof PairRows;
type ControlName = Exclude<RowName, 'golden' | 'actual'>;

const WINDOW_STARTS: Readonly<Record<RowName, number>> = {
  golden: WINDOWS_START,
  actual: WINDOWS_START + WINDOW_BYTES,
  previousGolden: WINDOWS_START + 2 * WINDOW_BYTES,
  firstGolden: WINDOWS_START + 3 * WINDOW_BYTES,
  previousActual: WINDOWS_START + 4 * WINDOW_BYTES,
};

class RowKernels implements RowPasses {
  readonly #exports: KernelExports;
  readonly #rowSums: Float64Array;
  readonly #pairSums: Float64Array;
  readonly #stripMin: Float32Array;
  readonly #stripMax: Float32Array;
  readonly #windows: Readonly<Record<RowName, Float32Array>>;

  constructor() {
    const memory = new WebAssembly.Memory({ initial: MEMORY_PAGES, maximum: MEMORY_PAGES });
    const { buffer } = memory;
    const module = new WebAssembly.Module(readFileSync(MODULE_URL));
    this.#exports = new WebAssembly.Instance(module, { env: { memory } }).exports;
    new Float64Array(buffer, NUMBERS_START, EXPONENTIAL_NUMBERS.length).set(EXPONENTIAL_NUMBERS);
    new Float64Array(buffer, POWERS_START, STEPS_PER_OCTAVE).set(FRACTIONAL_POWERS);
    this.#rowSums = new Float64Array(buffer, ROW_SUMS_START, ROW_FIELDS);
    this.#pairSums = new Float64Array(buffer, PAIR_SUMS_START, PAIR_FIELDS);
    this.#stripMin = new Float32Array(buffer, STRIP_MIN_START, STRIPS_PER_WINDOW);
    this.#stripMax = new Float32Array(buffer, STRIP_MAX_START, STRIPS_PER_WINDOW);
    const windowOf = (name: RowName): Float32Array => new Float32Array(buffer, WINDOW_STARTS[name], WINDOW_SIZE);
    this.#windows = {
      golden: windowOf('golden'),
      actual: windowOf('actual'),
      previousGolden: windowOf('previousGolden'),
      firstGolden: windowOf('firstGolden'),
      previousActual: windowOf('previousActual'),
    };
  }

  scan(row: Float32Array, into: ScanArrays): RowSums {
    this.#rowSums.fill(0);
    const whole = wholeStrips(row);
    for (let from = 0; from < whole; from += WINDOW_SIZE) {
      const to = Math.min(from + WINDOW_SIZE, whole);
      copyWindow(row, from, to, this.#windows.golden);
      const strips = (to - from) / STRIP_SIZE;
      this.#exports.scanRow(from, strips);
      for (let strip = 0, first = from / STRIP_SIZE; strip < strips; strip++) {
        into.stripMin[first + strip] = this.#stripMin[strip]!;
        into.stripMax[first + strip] = this.#stripMax[strip]!;
      }
    }
    addToScan(row, whole, this.#rowSums, into);
    return readRowSums(this.#rowSums, into);
  }

  measure(rows: PairRows, shifts: PairShifts): PairSums {
    clearPairSums(this.#pairSums);
    const { golden, actual } = rows;
    const { goldenMean, actualMean, goldenMax, actualMax } = shifts;
    // A control row that is one of the pair lies there already.
    const placeOf = (name: ControlName): RowName =>
      rows[name] === golden ? 'golden' : rows[name] === actual ? 'actual' : name;
    const previousGolden = placeOf('previousGolden');
    const firstGolden = placeOf('firstGolden');
    const previousActual = placeOf('previousActual');
    const whole = wholeStrips(golden);
    for (let from = 0; from < whole; from += WINDOW_SIZE) {
      const to = Math.min(from + WINDOW_SIZE, whole);
      copyWindow(golden, from, to, this.#windows.golden);
      copyWindow(actual, from, to, this.#windows.actual);
      if (previousGolden === 'previousGolden') copyWindow(rows.previousGolden, from, to, this.#windows.previousGolden);
      if (firstGolden === 'firstGolden') copyWindow(rows.firstGolden, from, to, this.#windows.firstGolden);
      if (previousActual === 'previousActual') copyWindow(rows.previousActual, from, to, this.#windows.previousActual);
      this.#exports.measurePair(
        from,
        (to - from) / STRIP_SIZE,
        goldenMean,
        actualMean,
        goldenMax,
        actualMax,
        WINDOW_STARTS[previousGolden],
        WINDOW_STARTS[firstGolden],
        WINDOW_STARTS[previousActual],
      );
    }
    addToPair(rows, whole, shifts, this.#pairSums);
    return readPairSums(this.#pairSums);
  }
}

/** Entries of a row that are in whole strips. */
function wholeStrips({ length }: Float32Array): number {
  return length - (length % STRIP_SIZE);
}

function copyWindow(row: Float32Array, from: number, to: number, window: Float32Array): void {
  window.set(from === 0 && to === row.length ? row : row.subarray(from, to));
}

let kernels: RowKernels | undefined;

/** Loaded when the first row comes. */
export const KERNEL_PASSES: RowPasses = {
  scan(row, into) {
    kernels ??= new RowKernels();
    return kernels.scan(row, into);
  },
  measure(rows, shifts) {
    kernels ??= new RowKernels();
    return kernels.measure(rows, shifts);
  },
};
