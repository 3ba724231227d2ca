// The four meanings of "PCC" that reports may name: strict (ours) and three generations of Tenstorrent's comp_pcc.
// Source: tt-metal comp_pcc until mid-2026 (tt-legacy), comparison_funcs.get_atol_rtol_pcc (tt-sweep),
// ttnn/ttnn/comparison.py (tt-2026); branch by branch. Rows are float32 here, so no dtype cast of theirs ever applies.

import type { Correlation, Pair, PccJudgement, PccSemantics } from '../record/row-metrics.ts';
import { correlate, type NumberRow } from './pcc.ts';

/** Verdict of one semantics, without its name. */
type Outcome = Omit<PccJudgement, 'semantics'>;

const PASSES: Outcome = { outcome: 'pass', pcc: 1 };
const FAILS: Outcome = { outcome: 'fail', pcc: 0 };
/** The Python originals raise here. */
const RAISES: Outcome = { outcome: 'invalid', pcc: null };

const COMPARISONS: Readonly<Record<Exclude<PccSemantics, 'strict'>, Comparison>> = {
  'tt-legacy': compareLegacy,
  'tt-sweep': compareSweep,
  'tt-2026': compare2026,
};
type Comparison = (golden: NumberRow, actual: NumberRow, minimum: number) => Outcome;

/**
 * Judges a pair of rows as the named semantics would.
 *
 * @param golden - [n] float32 values.
 * @param actual - [n] float32 values.
 * @param minimum - PCC that passes, inclusive.
 * @param shapes - if the rows are flattened tensors: only strict looks at it, the others flatten first.
 */
export function judgePcc(
  semantics: PccSemantics,
  golden: NumberRow,
  actual: NumberRow,
  minimum: number,
  shapes?: Pair<readonly number[]>,
): PccJudgement {
  if (semantics !== 'strict') return { semantics, ...COMPARISONS[semantics](golden, actual, minimum) };
  if (shapes !== undefined && shapes.golden.join() !== shapes.actual.join()) {
    return { semantics, outcome: 'invalid', pcc: null };
  }
  return judgeStrict(correlate(golden, actual), minimum);
}

/** Strict: no number, no pass. Constant rows are undefined; non-finite or too few values make the comparison invalid. */
export function judgeStrict(correlation: Correlation, minimum: number): PccJudgement {
  if (correlation.kind === 'defined') {
    return { semantics: 'strict', outcome: correlation.pcc >= minimum ? 'pass' : 'fail', pcc: correlation.pcc };
  }
  const isConstant = correlation.reason === 'golden is constant' || correlation.reason === 'actual is constant';
  return { semantics: 'strict', outcome: isConstant ? 'undefined' : 'invalid', pcc: null };
}

function compareLegacy(golden: NumberRow, actual: NumberRow, minimum: number): Outcome {
  const early = compareAllNan(golden, actual) ?? (isAllZero(golden) !== isAllZero(actual) ? FAILS : null);
  if (early !== null) return early;
  const [g, a] = [withoutNonFinite(golden), withoutNonFinite(actual)];
  if (isEqual(g, a)) return PASSES;
  if (g.length !== a.length) return RAISES;
  const correlation = correlate(g, a);
  // A masked coefficient leaves the matrix's diagonal, or nothing: both read as 1.0.
  return correlation.kind === 'undefined' ? PASSES : judgeValue(Math.min(correlation.pcc, 1), minimum);
}

function compareSweep(golden: NumberRow, actual: NumberRow, minimum: number): Outcome {
  const early = compareAllNan(golden, actual) ?? (isAllZero(golden) !== isAllZero(actual) ? FAILS : null);
  if (early !== null) return early;
  const [g, a] = [withoutNonFinite(golden), withoutNonFinite(actual)];
  if (isEqual(g, a)) return PASSES;
  if (g.length !== a.length) return RAISES;
  if (g.length === 1) return FAILS;
  if (isConstant(g) && isConstant(a)) return isClose(g[0]!, a[0]!, 1e-5, 1e-8) ? PASSES : FAILS;
  const correlation = correlate(g, a);
  return correlation.kind === 'undefined' ? PASSES : judgeValue(correlation.pcc, minimum);
}

/** Tolerances of tt-2026's allclose fallback for float32 data. */
const FALLBACK_RTOL = 1e-5;
const FALLBACK_ATOL = 1e-4;

function compare2026(golden: NumberRow, actual: NumberRow, minimum: number): Outcome {
  const early = compareAllNan(golden, actual);
  if (early !== null) return early;
  if (golden.length !== actual.length) return RAISES;
  if (isAllZero(golden) !== isAllZero(actual)) return isAllClose(golden, actual) ? PASSES : FAILS;
  const [g, a] = [withoutNonFinite(golden), withoutNonFinite(actual)];
  if (isEqual(g, a)) return PASSES;
  const narrow = correlateInDtype(g, a, Math.fround);
  const pcc = narrow === null ? (correlateInDtype(g, a, (value) => value) ?? Number.NaN) : narrow;
  return Number.isNaN(pcc) ? (isAllClose(g, a) ? PASSES : FAILS) : judgeValue(pcc, minimum);
}

/** Mean in float64 rounded to the dtype, products in the dtype, sums in float64; null if a sum overflowed. NaN: 0/0. */
function correlateInDtype(golden: NumberRow, actual: NumberRow, round: (value: number) => number): number | null {
  const goldenMean = round(sum(golden) / golden.length);
  const actualMean = round(sum(actual) / actual.length);
  let goldenSquares = 0;
  let actualSquares = 0;
  let products = 0;
  for (let i = 0; i < golden.length; i++) {
    const x = round(golden[i]! - goldenMean);
    const y = round(actual[i]! - actualMean);
    goldenSquares += round(x * x);
    actualSquares += round(y * y);
    products += round(x * y);
  }
  if (!Number.isFinite(goldenSquares + actualSquares + products)) return null;
  return products / Math.sqrt(goldenSquares * actualSquares);
}

function judgeValue(pcc: number, minimum: number): Outcome {
  return { outcome: pcc >= minimum ? 'pass' : 'fail', pcc };
}

function compareAllNan(golden: NumberRow, actual: NumberRow): Outcome | null {
  const [isGoldenNan, isActualNan] = [isAllNan(golden), isAllNan(actual)];
  if (isGoldenNan && isActualNan) return PASSES;
  return isGoldenNan || isActualNan ? FAILS : null;
}

/** True of an empty row, as in the originals. */
function isAllNan(row: NumberRow): boolean {
  return everyValue(row, Number.isNaN);
}

function isAllZero(row: NumberRow): boolean {
  return everyValue(row, (value) => value === 0);
}

function isConstant(row: NumberRow): boolean {
  return everyValue(row, (value) => value === row[0]);
}

function isEqual(golden: NumberRow, actual: NumberRow): boolean {
  return golden.length === actual.length && everyValue(golden, (value, i) => value === actual[i]);
}

function isAllClose(golden: NumberRow, actual: NumberRow): boolean {
  return everyValue(golden, (value, i) => isClose(value, actual[i]!, FALLBACK_RTOL, FALLBACK_ATOL));
}

/** As numpy and torch: relative to the second value; infinities are close only if equal. */
function isClose(value: number, other: number, rtol: number, atol: number): boolean {
  if (!Number.isFinite(value) || !Number.isFinite(other)) return value === other;
  return Math.abs(value - other) <= atol + rtol * Math.abs(other);
}

function withoutNonFinite(row: NumberRow): Float64Array {
  return Float64Array.from(row, (value) => (Number.isFinite(value) ? value : 0));
}

function everyValue(row: NumberRow, holds: (value: number, i: number) => boolean): boolean {
  for (let i = 0; i < row.length; i++) if (!holds(row[i]!, i)) return false;
  return true;
}

function sum(row: NumberRow): number {
  let total = 0;
  for (let i = 0; i < row.length; i++) total += row[i]!;
  return total;
}
