// The size of the last place of the number formats that a device hands logits out in.
// Source: BFP8_B: 16 values share an exponent E, step 2^(E - 127 - 6); BFP4_B: step 2^(E - 127 - 2).
import type { LogitsFormat } from '../../src/numerics/logits-format.ts';

/** Entries of a row that share one exponent: one row of a 16 x 16 face. 1: every value has its own. */
export const SHARED_EXPONENT_SIZE: Readonly<Record<LogitsFormat, number>> = {
  BFP8_B: 16,
  BFP4_B: 16,
  BF16: 1,
  F16: 1,
  F32: 1,
};

/** Bits below the leading one of the largest value: distance from its exponent to the last place. */
const FRACTION_BITS: Readonly<Record<LogitsFormat, number>> = { BFP8_B: 6, BFP4_B: 2, BF16: 7, F16: 10, F32: 23 };

/** Exponent of the smallest normal value; below it the step no longer shrinks. */
const LOWEST_EXPONENT: Readonly<Record<LogitsFormat, number>> = {
  BFP8_B: -126,
  BFP4_B: -126,
  BF16: -126,
  F16: -14,
  F32: -126,
};

/**
 * One unit in the last place of `format` for a value of this magnitude (for block formats: of the block's largest).
 *
 * @example ulpAtMagnitude('BFP8_B', 17) is 0.25, ulpAtMagnitude('BF16', 17) is 0.125.
 */
export function ulpAtMagnitude(format: LogitsFormat, magnitude: number): number {
  const exponent = Math.max(exponentOfFloat32(magnitude), LOWEST_EXPONENT[format]);
  return powerOfTwo(exponent - FRACTION_BITS[format]);
}

/**
 * One unit in the last place of the device's value at one vocabulary entry.
 *
 * @param row - [V] float32, the device's row; -Infinity entries have no magnitude and are skipped.
 * @param id - vocabulary entry.
 */
export function ulpAtEntry(format: LogitsFormat, row: Float32Array, id: number): number {
  const size = SHARED_EXPONENT_SIZE[format];
  const from = id - (id % size);
  let largest = 0;
  for (let i = from; i < Math.min(from + size, row.length); i++) {
    const magnitude = Math.abs(row[i]!);
    if (magnitude > largest && magnitude !== Number.POSITIVE_INFINITY) largest = magnitude;
  }
  return ulpAtMagnitude(format, largest);
}

const float32View = new Float32Array(1);
const bitsView = new Uint32Array(float32View.buffer);

function exponentOfFloat32(value: number): number {
  float32View[0] = value;
  return ((bitsView[0]! >>> 23) & 0xff) - 127;
}

function powerOfTwo(exponent: number): number {
  return exponent < 0 ? 1 / powerOfTwo(-exponent) : exponent === 0 ? 1 : 2 * powerOfTwo(exponent - 1);
}
