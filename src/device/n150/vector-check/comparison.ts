// Comparison of the model's numbers with a file's: counts, the first mismatch in words, share of equal bits, PCC.
import { bitsOf } from '../../../numerics/float-bits.ts';

export const COMPARISON_RULES = ['equal bits', 'within one bf16 unit'] as const;
/**
 * equal bits: any other bit is a mismatch. within one bf16 unit: more than one unit in the last place of the file's
 * value at bfloat16 precision is one.
 */
export type ComparisonRule = (typeof COMPARISON_RULES)[number];

/** What was found in one file. */
export interface Comparison {
  readonly rule: ComparisonRule;
  cases: number;
  mismatches: number;
  /** Cases whose bits are equal, whatever the rule. */
  equalBits: number;
  /** Largest distance in units in the last place of bfloat16. */
  worstUnits: number;
  /** Lowest Pearson correlation of any array compared; undefined where nothing was correlated. */
  lowestPcc: number | undefined;
  /** Names the place, the model's value and the file's. */
  firstMismatch: string | undefined;
}

export function createComparison(rule: ComparisonRule): Comparison {
  return {
    rule,
    cases: 0,
    mismatches: 0,
    equalBits: 0,
    worstUnits: 0,
    lowestPcc: undefined,
    firstMismatch: undefined,
  };
}

/** Counts one case of bit patterns that must be equal; `place` is asked for only when they are not. */
export function comparePattern(comparison: Comparison, place: () => string, actual: number, golden: number): void {
  comparison.cases += 1;
  if (actual === golden) comparison.equalBits += 1;
  else recordMismatch(comparison, `${place()}: model ${hex(actual)}, file ${hex(golden)}`);
}

/**
 * Compares two arrays element by element under the comparison's rule.
 *
 * @param place - what the arrays are, e.g. `out.HiFi2`; the element's index is appended.
 * @param actual - the model's float32 values.
 * @param golden - the file's, same length.
 */
export function compareValues(comparison: Comparison, place: string, actual: Float32Array, golden: Float32Array): void {
  if (actual.length !== golden.length) {
    comparison.cases += golden.length;
    recordMismatch(comparison, `${place}: model has ${actual.length} elements, file ${golden.length}`);
    return;
  }
  const actualBits = bitsOf(actual);
  const goldenBits = bitsOf(golden);
  for (let i = 0; i < golden.length; i++) {
    comparison.cases += 1;
    if (actualBits[i] === goldenBits[i]) {
      comparison.equalBits += 1;
      continue;
    }
    const units = bf16Units(actual[i]!, golden[i]!);
    comparison.worstUnits = Math.max(comparison.worstUnits, units);
    if (isMismatch(comparison.rule, units)) {
      recordMismatch(
        comparison,
        `${place}[${i}]: model ${hex(actualBits[i]!)} (${actual[i]}), file ${hex(goldenBits[i]!)} (${golden[i]})`,
      );
    }
  }
  const pcc = pearson(actual, golden);
  if (pcc !== undefined) comparison.lowestPcc = Math.min(comparison.lowestPcc ?? 1, pcc);
}

function isMismatch(rule: ComparisonRule, units: number): boolean {
  return rule === 'equal bits' || !(units <= 1);
}

function recordMismatch(comparison: Comparison, text: string): void {
  comparison.mismatches += 1;
  comparison.firstMismatch ??= text;
}

/** |actual - golden| in units in the last place that bfloat16 has at golden; infinite if either is not finite. */
export function bf16Units(actual: number, golden: number): number {
  const difference = Math.abs(actual - golden);
  if (difference === 0) return 0;
  if (!Number.isFinite(difference)) return Number.POSITIVE_INFINITY;
  return difference / bf16Unit(golden);
}

/** Spacing of bfloat16 in the binade of `value`: a power of two, from the exponent field. */
function bf16Unit(value: number): number {
  const exponentField = (bitsOf(Float32Array.of(value))[0]! >>> 23) & 0xff;
  return 2 ** (Math.max(exponentField, 1) - 127 - 7);
}

/** Pearson correlation in float64, two passes; undefined when either side is constant or not finite. */
function pearson(actual: Float32Array, golden: Float32Array): number | undefined {
  const actualMean = mean(actual);
  const goldenMean = mean(golden);
  let covariance = 0;
  let actualVariance = 0;
  let goldenVariance = 0;
  for (let i = 0; i < golden.length; i++) {
    const a = actual[i]! - actualMean;
    const g = golden[i]! - goldenMean;
    covariance += a * g;
    actualVariance += a * a;
    goldenVariance += g * g;
  }
  const scale = Math.sqrt(actualVariance) * Math.sqrt(goldenVariance);
  return scale > 0 && Number.isFinite(scale) ? Math.min(covariance / scale, 1) : undefined;
}

function mean(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/** Four digits where the low half is zero (bfloat16), eight otherwise. */
function hex(pattern: number): string {
  const isShort = pattern <= 0xffff;
  return `0x${pattern
    .toString(16)
    .toUpperCase()
    .padStart(isShort ? 4 : 8, '0')}`;
}
