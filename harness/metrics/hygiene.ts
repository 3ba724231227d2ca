// What must be known about two logits rows before any statistic may absorb them: non-finite, masked, zero, constant.

import type { LogitsFormat } from '../../src/numerics/logits-format.ts';
import type { ConstantBlock, RowHygiene } from '../record/row-metrics.ts';
import { ulpAtMagnitude } from './logits-format.ts';
import { BLOCK_SIZE, blockEnd, countBlocks, type ScannedRow } from './row-scan.ts';

/** A golden block must vary by more than this many device ULP before a constant device block is suspicious. */
const SUSPICIOUS_SPREAD_ULPS = 2;

/**
 * Counts what is unusual in both rows, [V] float32 each.
 *
 * @param format - the device's logits format, which decides what it could have resolved.
 */
export function inspectRows(golden: ScannedRow, actual: ScannedRow, format: LogitsFormat): RowHygiene {
  const goldenCounts = countSpecials(golden);
  const actualCounts = countSpecials(actual);
  return {
    vocabSize: golden.row.length,
    nan: { golden: goldenCounts.nan, actual: actualCounts.nan },
    positiveInfinity: { golden: goldenCounts.positiveInfinity, actual: actualCounts.positiveInfinity },
    negativeInfinity: { golden: goldenCounts.negativeInfinity, actual: actualCounts.negativeInfinity },
    maskedPairs: goldenCounts.negativeInfinity === 0 ? 0 : countMaskedPairs(golden.row, actual.row),
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

function countSpecials({ row, scan }: ScannedRow): SpecialCounts {
  if (!scan.isFinite) return countNonFinite(row);
  const isConstant = scan.min === scan.max;
  return { nan: 0, positiveInfinity: 0, negativeInfinity: 0, zeros: scan.zeros, isConstant };
}

function countNonFinite(row: Float32Array): SpecialCounts {
  let zeros = 0;
  let nan = 0;
  let positiveInfinity = 0;
  let negativeInfinity = 0;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < row.length; i++) {
    const value = row[i]!;
    if (Number.isNaN(value)) nan++;
    else if (value === Number.POSITIVE_INFINITY) positiveInfinity++;
    else if (value === Number.NEGATIVE_INFINITY) negativeInfinity++;
    else {
      if (value === 0) zeros++;
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
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

function findConstantBlocks(golden: ScannedRow, actual: ScannedRow, format: LogitsFormat): ConstantBlock[] {
  const length = actual.row.length;
  const found: { from: number; to: number; value: number }[] = [];
  for (let block = 0; block < countBlocks(length); block++) {
    const value = actual.scan.blockMin[block]!;
    if (value !== actual.scan.blockMax[block]) continue;
    const spread = golden.scan.blockMax[block]! - golden.scan.blockMin[block]!;
    if (!(spread > SUSPICIOUS_SPREAD_ULPS * ulpAtMagnitude(format, value))) continue;
    const from = block * BLOCK_SIZE;
    const last = found.at(-1);
    if (last !== undefined && last.to === from && last.value === value) last.to = blockEnd(block, length);
    else found.push({ from, to: blockEnd(block, length), value });
  }
  return found;
}
