// What must be known about two logits rows before any statistic may absorb them: non-finite, masked, zero, constant.
import { type LogitsFormat, ulpAtMagnitude } from './logits-format.ts';
import type { ConstantBlock, RowHygiene } from './row-metrics.ts';

/** Entries per block of the constant-block search: 32 tiles of 32 columns, the least that one core of the lm_head writes. */
export const BLOCK_SIZE = 1024;
/** A golden block must vary by more than this many device ULP before a constant device block is suspicious. */
const SUSPICIOUS_SPREAD_ULPS = 2;

/**
 * Counts what is unusual in both rows.
 *
 * @param golden - [V] float32.
 * @param actual - [V] float32.
 * @param format - the device's logits format, which decides what it could have resolved.
 */
export function inspectRows(golden: Float32Array, actual: Float32Array, format: LogitsFormat): RowHygiene {
  const goldenCounts = countSpecials(golden);
  const actualCounts = countSpecials(actual);
  return {
    vocabSize: golden.length,
    nan: { golden: goldenCounts.nan, actual: actualCounts.nan },
    positiveInfinity: { golden: goldenCounts.positiveInfinity, actual: actualCounts.positiveInfinity },
    negativeInfinity: { golden: goldenCounts.negativeInfinity, actual: actualCounts.negativeInfinity },
    maskedPairs: goldenCounts.negativeInfinity === 0 ? 0 : countMaskedPairs(golden, actual),
    zeros: { golden: goldenCounts.zeros, actual: actualCounts.zeros },
    constantRow: { golden: goldenCounts.isConstant, actual: actualCounts.isConstant },
    constantBlocks: findConstantBlocks(golden, actual, format),
  };
}

/** Values of both sides that no metric may absorb: NaN, +Infinity, and masks that differ. */
export function countForbidden(hygiene: RowHygiene): number {
  const { nan, positiveInfinity, negativeInfinity, maskedPairs } = hygiene;
  const infinities = positiveInfinity.golden + positiveInfinity.actual;
  const differingMasks = negativeInfinity.golden + negativeInfinity.actual - 2 * maskedPairs;
  return nan.golden + nan.actual + infinities + differingMasks;
}

interface SpecialCounts {
  nan: number;
  positiveInfinity: number;
  negativeInfinity: number;
  zeros: number;
  isConstant: boolean;
}

function countSpecials(row: Float32Array): SpecialCounts {
  let zeros = 0;
  let nan = 0;
  let positiveInfinity = 0;
  let negativeInfinity = 0;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < row.length; i++) {
    const value = row[i]!;
    if (value - value !== 0) {
      if (value > 0) positiveInfinity++;
      else if (value < 0) negativeInfinity++;
      else nan++;
      continue;
    }
    if (value === 0) zeros++;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { nan, positiveInfinity, negativeInfinity, zeros, isConstant: min === max };
}

function countMaskedPairs(golden: Float32Array, actual: Float32Array): number {
  let pairs = 0;
  for (let i = 0; i < golden.length; i++) {
    if (golden[i] === Number.NEGATIVE_INFINITY && actual[i] === Number.NEGATIVE_INFINITY) pairs++;
  }
  return pairs;
}

function findConstantBlocks(golden: Float32Array, actual: Float32Array, format: LogitsFormat): ConstantBlock[] {
  const blocks: { from: number; to: number; value: number }[] = [];
  for (let from = 0; from < actual.length; ) {
    // A tail shorter than half a block belongs to the block before: few values are often equal by chance.
    const to = actual.length - from < 1.5 * BLOCK_SIZE ? actual.length : from + BLOCK_SIZE;
    const value = actual[from]!;
    if (isConstant(actual, from, to) && isSuspicious(golden, from, to, ulpAtMagnitude(format, value))) {
      const last = blocks.at(-1);
      if (last !== undefined && last.to === from && Object.is(last.value, value)) last.to = to;
      else blocks.push({ from, to, value });
    }
    from = to;
  }
  return blocks;
}

function isConstant(row: Float32Array, from: number, to: number): boolean {
  const first = row[from];
  for (let i = from + 1; i < to; i++) if (!Object.is(row[i], first)) return false;
  return true;
}

function isSuspicious(golden: Float32Array, from: number, to: number, ulp: number): boolean {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = from; i < to; i++) {
    const value = golden[i]!;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return max > min && !(max - min <= SUSPICIOUS_SPREAD_ULPS * ulp);
}
