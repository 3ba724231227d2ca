// The kernels against the plain passes that define them, bit for bit: all tail lengths, windows, and rows at the edges of what may come.
import { describe, expect, it } from 'vitest';
import { expOfNonPositive } from '../exp-log.ts';
import { goldenRowExample, noisyRowExample } from '../random-rows.fixture.ts';
import { type PairRows, PLAIN_PASSES, type RowPasses } from '../row-passes.ts';
import { createRowScan, scanRow } from '../row-scan.ts';
import { STRIP_SIZE, WINDOW_SIZE } from './layout.ts';
import { KERNEL_PASSES } from './row-kernels.ts';

/** Every length up to two strips and more, and those around windows. */
const LENGTHS = [
  ...Array.from({ length: 2 * STRIP_SIZE + 10 }, (_, i) => i + 1),
  ...[1500, 2048, WINDOW_SIZE - 1, WINDOW_SIZE, WINDOW_SIZE + 1, 2 * WINDOW_SIZE + STRIP_SIZE + 3],
];

const scanOf = (row: Float32Array, passes: RowPasses) => scanRow(row, createRowScan(row.length), passes);

function measure(rows: PairRows, passes: RowPasses) {
  const [golden, actual] = [scanOf(rows.golden, passes), scanOf(rows.actual, passes)];
  return passes.measure(rows, {
    goldenMean: golden.mean,
    actualMean: actual.mean,
    goldenMax: golden.max,
    actualMax: actual.max,
  });
}

function expectEqual(rows: PairRows, where: string): void {
  expect(measure(rows, KERNEL_PASSES), where).toStrictEqual(measure(rows, PLAIN_PASSES));
}

function pairOf(golden: Float32Array, actual: Float32Array): PairRows {
  const other = (seed: number): Float32Array => goldenRowExample(golden.length, seed);
  return { golden, actual, previousGolden: other(11), firstGolden: other(12), previousActual: other(13) };
}

describe('a pair of rows', () => {
  it.each(LENGTHS)('of %i entries has the same sums', (length) => {
    const golden = goldenRowExample(length, length);
    expectEqual(pairOf(golden, noisyRowExample(golden, 0.3, length + 1)), `${length} entries`);
  });

  it('has them without control rows, and after others', () => {
    const golden = goldenRowExample(500, 1);
    const actual = noisyRowExample(golden, 0.3, 2);
    expectEqual({ golden, actual, previousGolden: golden, firstGolden: golden, previousActual: actual }, 'none');
    expectEqual({ ...pairOf(golden, actual), firstGolden: golden }, 'no first row');
  });

  it('has them of equal, constant and huge rows', () => {
    const golden = goldenRowExample(200, 3);
    const huge = golden.map((value) => value * 1e36);
    for (const [name, a, b] of [
      ['equal', golden, golden],
      ['zero', golden, new Float32Array(200)],
      ['minus zero', new Float32Array(200).fill(-0), new Float32Array(200)],
      ['constant', new Float32Array(200).fill(0.1), golden],
      ['huge', huge, golden],
      ['both huge', huge, huge.map((value) => value * -2)],
    ] as const) {
      expectEqual(pairOf(a, b), name);
    }
  });

  it('has the first of several entries that differ most', () => {
    const golden = new Float32Array(WINDOW_SIZE + 4 * STRIP_SIZE);
    for (const at of [
      0,
      5,
      STRIP_SIZE - 1,
      STRIP_SIZE,
      3 * STRIP_SIZE + 17,
      WINDOW_SIZE,
      WINDOW_SIZE + STRIP_SIZE + 3,
    ]) {
      const actual = golden.slice();
      actual[at] = -7;
      actual[golden.length - 1] = 7;
      expect(measure(pairOf(golden, actual), KERNEL_PASSES)).toMatchObject({ maxAbs: 7, maxAbsIndex: at });
      expectEqual(pairOf(golden, actual), `at ${at}`);
    }
  });
});

describe('an exponential', () => {
  it('has its bits at every distance from the largest value', () => {
    const length = 2 * STRIP_SIZE;
    const zeros = new Float32Array(length);
    for (let most = 1; most <= 2000; most *= 1.3) {
      // One entry apart from 0 at a time would hide nothing, but a sum of equal ones is as good: each lane has its share.
      for (const distance of [most, Math.fround(708), Math.fround(708.0001), 1e-30]) {
        const golden = new Float32Array(length).fill(Math.fround(-distance));
        golden[0] = 0;
        const { golden: sums } = measure(pairOf(golden, zeros), KERNEL_PASSES);
        let lane0 = 1;
        let others = 0;
        for (let i = 1; i < length / 4; i++) lane0 += expOfNonPositive(golden[1]!);
        for (let i = 0; i < length / 4; i++) others += expOfNonPositive(golden[1]!);
        expect(sums.sum, `${distance}`).toBe(lane0 + others + (others + others));
      }
    }
  });
});

describe('a scan', () => {
  it.each(LENGTHS)('of %i entries is the same', (length) => {
    const row = goldenRowExample(length, length + 7);
    for (let i = 0; i < length; i += 5) row[i] = i % 3 === 0 ? 0 : -0;
    expect(scanOf(row, KERNEL_PASSES)).toStrictEqual(scanOf(row, PLAIN_PASSES));
  });

  it('is the same of ties, rising and falling values', () => {
    const length = 2 * WINDOW_SIZE;
    for (const [name, valueAt] of [
      ['ties', (i: number) => i % 7],
      ['rising', (i: number) => i],
      ['falling', (i: number) => -i],
      ['constant', () => -0],
    ] as const) {
      const row = Float32Array.from({ length }, (_, i) => valueAt(i));
      expect(scanOf(row, KERNEL_PASSES), name).toStrictEqual(scanOf(row, PLAIN_PASSES));
    }
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'is the same where values are %d',
    (value) => {
      for (const from of [0, 3, STRIP_SIZE, 5 * STRIP_SIZE + 2]) {
        for (const count of [1, 9, STRIP_SIZE, 200]) {
          const row = goldenRowExample(7 * STRIP_SIZE + 3, from).fill(value, from, from + count);
          const [kernel, plain] = [scanOf(row, KERNEL_PASSES), scanOf(row, PLAIN_PASSES)];
          expect(kernel, `${count} from ${from} on`).toStrictEqual(plain);
          expect(kernel.isFinite).toBe(false);
        }
      }
    },
  );

  it('is the same of a row in shared memory, and of a part of a longer one', () => {
    const row = goldenRowExample(700, 1);
    const shared = new Float32Array(new SharedArrayBuffer(2800));
    shared.set(row);
    const part = goldenRowExample(900, 2);
    part.set(row, 100);
    const wanted = scanOf(row, PLAIN_PASSES);
    expect(scanOf(shared, KERNEL_PASSES)).toStrictEqual(wanted);
    expect(scanOf(part.subarray(100, 800), KERNEL_PASSES)).toStrictEqual(wanted);
  });
});
