// The four semantics of PCC on the pairs where they differ.
import { describe, expect, it } from 'vitest';
import { type Pair, PCC_SEMANTICS, type PccJudgement } from '../record/row-metrics.ts';
import { judgePcc } from './pcc-semantics.ts';
import { seededNormal } from './random-rows.fixture.ts';

const N = 4096;
const normal = seededNormal(20240721);
const golden = Float32Array.from({ length: N }, normal);
const argmax = golden.indexOf(golden.reduce((a, b) => Math.max(a, b)));

function filled(value: number, length = N): Float32Array {
  return new Float32Array(length).fill(value);
}

/** A copy with `value` at every index that `chosen` picks. */
function withValue(value: number, chosen: (i: number) => boolean): Float32Array {
  return golden.map((original, i) => (chosen(i) ? value : original));
}

function single(value: number, i: number): Float32Array {
  const row = new Float32Array(N);
  row[i] = value;
  return row;
}

type Cell = readonly [PccJudgement['outcome'], number | null];
const PASS_1: Cell = ['pass', 1];
const FAIL_0: Cell = ['fail', 0];
const INVALID: Cell = ['invalid', null];
const UNDEFINED: Cell = ['undefined', null];

interface Row {
  readonly name: string;
  readonly pair: readonly [Float32Array, Float32Array];
  readonly shapes?: Pair<readonly number[]>;
  /** tt-legacy, tt-sweep, tt-2026, strict. */
  readonly says: readonly [Cell, Cell, Cell, Cell];
}

const nan = filled(Number.NaN);
const empty = filled(0, 0);
const tiny = golden.map((value) => Math.fround(value * 1e-25));
const huge = golden.map((value) => Math.fround(value * 1e25));
const everyHundredth = (i: number): boolean => i % 41 === 0;

/** PCC of a row repaired with zeros is sqrt(1 - lost energy); in 4096 values the loss has 5 % of play, PCC 0.006: two of these. */
const SAMPLE_DIGITS = 0.012;

const TABLE: readonly Row[] = [
  { name: 'both all NaN', pair: [nan, nan], says: [PASS_1, PASS_1, PASS_1, INVALID] },
  { name: 'device all NaN', pair: [golden, nan], says: [FAIL_0, FAIL_0, FAIL_0, INVALID] },
  { name: 'golden all NaN', pair: [nan, golden], says: [FAIL_0, FAIL_0, FAIL_0, INVALID] },
  { name: 'both empty', pair: [empty, empty], says: [PASS_1, PASS_1, PASS_1, INVALID] },
  { name: 'one empty', pair: [golden, empty], says: [FAIL_0, FAIL_0, FAIL_0, INVALID] },
  { name: 'device all zero', pair: [golden, filled(0)], says: [FAIL_0, FAIL_0, FAIL_0, UNDEFINED] },
  { name: 'both all zero', pair: [filled(0), filled(0)], says: [PASS_1, PASS_1, PASS_1, UNDEFINED] },
  { name: 'zero against 5e-5', pair: [filled(0), filled(5e-5)], says: [FAIL_0, FAIL_0, PASS_1, UNDEFINED] },
  { name: 'device constant 3', pair: [golden, filled(3)], says: [PASS_1, PASS_1, FAIL_0, UNDEFINED] },
  { name: 'golden constant 3', pair: [filled(3), golden], says: [PASS_1, PASS_1, FAIL_0, UNDEFINED] },
  { name: 'constants 3 and 4', pair: [filled(3), filled(4)], says: [PASS_1, FAIL_0, FAIL_0, UNDEFINED] },
  { name: 'constants 3 and 3.00001', pair: [filled(3), filled(3.00001)], says: [PASS_1, PASS_1, PASS_1, UNDEFINED] },
  { name: 'one element, 3 and 5', pair: [filled(3, 1), filled(5, 1)], says: [PASS_1, FAIL_0, FAIL_0, INVALID] },
  { name: 'one element, 0 and 5', pair: [filled(0, 1), filled(5, 1)], says: [FAIL_0, FAIL_0, FAIL_0, INVALID] },
  {
    name: 'device all +Infinity',
    pair: [golden, filled(Number.POSITIVE_INFINITY)],
    says: [PASS_1, PASS_1, FAIL_0, INVALID],
  },
  {
    name: 'device 10 % NaN',
    pair: [golden, withValue(Number.NaN, (i) => i % 10 === 0)],
    says: [['fail', 0.95], ['fail', 0.95], ['fail', 0.95], INVALID],
  },
  {
    name: 'device 30 % NaN',
    pair: [golden, withValue(Number.NaN, (i) => i % 10 < 3)],
    says: [['fail', 0.837], ['fail', 0.837], ['fail', 0.837], INVALID],
  },
  {
    name: 'device +Infinity at the argmax',
    pair: [golden, withValue(Number.POSITIVE_INFINITY, (i) => i === argmax)],
    says: [['pass', 0.998], ['pass', 0.998], ['pass', 0.998], INVALID],
  },
  {
    name: '-Infinity at the same 100 places',
    pair: [withValue(Number.NEGATIVE_INFINITY, everyHundredth), withValue(Number.NEGATIVE_INFINITY, everyHundredth)],
    says: [PASS_1, PASS_1, PASS_1, PASS_1],
  },
  {
    name: '-Infinity at 100 places of golden only',
    pair: [withValue(Number.NEGATIVE_INFINITY, everyHundredth), golden],
    says: [['fail', 0.988], ['fail', 0.988], ['fail', 0.988], INVALID],
  },
  {
    name: 'Infinity at different places, rest 0',
    pair: [single(Number.POSITIVE_INFINITY, 3), single(Number.POSITIVE_INFINITY, 5)],
    says: [PASS_1, PASS_1, PASS_1, INVALID],
  },
  {
    name: 'negated',
    pair: [golden, golden.map((value) => -value)],
    says: [
      ['fail', -1],
      ['fail', -1],
      ['fail', -1],
      ['fail', -1],
    ],
  },
  { name: 'halved', pair: [golden, golden.map((value) => value / 2)], says: [PASS_1, PASS_1, PASS_1, PASS_1] },
  { name: 'shifted by 5', pair: [golden, golden.map((value) => value + 5)], says: [PASS_1, PASS_1, PASS_1, PASS_1] },
  {
    name: 'same count, other shape',
    pair: [golden, golden],
    shapes: { golden: [64, 64], actual: [4096] },
    says: [PASS_1, PASS_1, PASS_1, INVALID],
  },
  { name: 'other count', pair: [golden, golden.subarray(1)], says: [INVALID, INVALID, INVALID, INVALID] },
  {
    name: 'all but the last value',
    pair: [golden.subarray(0, N - 1), golden],
    says: [INVALID, INVALID, INVALID, INVALID],
  },
  {
    name: '1e25 against its negative',
    pair: [huge, huge.map((value) => -value)],
    says: [
      ['fail', -1],
      ['fail', -1],
      ['fail', -1],
      ['fail', -1],
    ],
  },
  {
    name: 'zero at each tenth place of golden',
    pair: [withValue(0, (i) => i % 10 === 0), golden],
    says: [
      ['fail', 0.95],
      ['fail', 0.95],
      ['fail', 0.95],
      ['fail', 0.95],
    ],
  },
  {
    name: 'zero against +Infinity',
    pair: [filled(0), filled(Number.POSITIVE_INFINITY)],
    says: [FAIL_0, FAIL_0, FAIL_0, INVALID],
  },
  {
    name: 'Infinity at the same place, the rest 0 against 5e-5',
    pair: [Float32Array.of(Number.POSITIVE_INFINITY, 0, 0), Float32Array.of(Number.POSITIVE_INFINITY, 5e-5, 5e-5)],
    says: [PASS_1, PASS_1, PASS_1, INVALID],
  },
  {
    name: 'NaN at the same place, the rest 0',
    pair: [Float32Array.of(0, Number.NaN, 0), Float32Array.of(0, Number.NaN, 0)],
    says: [PASS_1, PASS_1, PASS_1, INVALID],
  },
  { name: 'one element, 3 and 3', pair: [filled(3, 1), filled(3, 1)], says: [PASS_1, PASS_1, PASS_1, INVALID] },
  {
    name: 'one element, 3 and 3.00001',
    pair: [filled(3, 1), filled(3.00001, 1)],
    says: [PASS_1, FAIL_0, PASS_1, INVALID],
  },
  {
    name: 'same shape',
    pair: [golden, golden],
    shapes: { golden: [64, 64], actual: [64, 64] },
    says: [PASS_1, PASS_1, PASS_1, PASS_1],
  },
  {
    name: '1e-25 against its negative',
    pair: [tiny, tiny.map((value) => -value)],
    says: [['fail', -1], ['fail', -1], PASS_1, ['fail', -1]],
  },
];

describe('judgePcc', () => {
  const cases = TABLE.flatMap(({ name, pair, shapes, says }) =>
    (['tt-legacy', 'tt-sweep', 'tt-2026', 'strict'] as const).map((semantics, i) => ({
      name,
      semantics,
      pair,
      shapes,
      says: says[i]!,
    })),
  );

  it('is tested for every semantics', () => {
    expect(new Set(cases.map(({ semantics }) => semantics))).toEqual(new Set(PCC_SEMANTICS));
  });

  it.each(cases)('$semantics, $name: $says', ({ semantics, pair, shapes, says: [outcome, pcc] }) => {
    const judgement = judgePcc(semantics, pair[0], pair[1], 0.99, shapes);
    expect(judgement).toMatchObject({ semantics, outcome });
    if (pcc === null) expect(judgement.pcc).toBeNull();
    else expect(Math.abs(judgement.pcc! - pcc)).toBeLessThanOrEqual(Number.isInteger(pcc) ? 1e-6 : SAMPLE_DIGITS);
  });

  it.each(PCC_SEMANTICS)('takes the minimum in: %s', (semantics) => {
    const judged = [0.5, 0.500_001].map((minimum) => judgePcc(semantics, [1, 2, 3], [1, 3, 2], minimum).outcome);
    expect(judged).toEqual(['pass', 'fail']);
  });

  it('takes the tolerance of tt-2026 in', () => {
    expect(judgePcc('tt-2026', [1e-4, 1e-4], [0, 0], 0.9).outcome).toBe('pass');
    expect(judgePcc('tt-2026', [1.01e-4, 1.01e-4], [0, 0], 0.9).outcome).toBe('fail');
  });

  it('lets 30 % NaN pass the original limit in every semantics but strict', () => {
    const device = withValue(Number.NaN, (i) => i % 10 < 3);
    const outcomes = PCC_SEMANTICS.map((semantics) => judgePcc(semantics, golden, device, 0.79).outcome);
    expect(outcomes).toEqual(['invalid', 'pass', 'pass', 'pass']);
  });
});
