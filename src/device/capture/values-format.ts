// The format that recorded values were in before somebody widened them: read off the values, since files rarely say it.
import { LOGITS_FORMATS, type LogitsFormat } from '../../numerics/logits-format.ts';

/** Values that share an exponent in block formats: neighbours along the vocabulary. */
const BLOCK = 16;
/** Magnitude bits below the leading one of a block's largest value. */
const BLOCK_FRACTION_BITS = { BFP4_B: 2, BFP8_B: 6 } as const;

/**
 * The coarsest format that holds all rows; F32 does. Hundreds of values that were not rounded so
 * fit none of the coarse ones by chance. Rows of zeros and infinities say nothing.
 *
 * @param rows - each [V] float32.
 * @returns undefined if no row says anything.
 */
export function coarsestFormat(rows: readonly Float32Array[]): LogitsFormat | undefined {
  const telling = rows.filter((row) => row.some((value) => value !== 0 && Number.isFinite(value)));
  if (telling.length === 0) return undefined;
  return LOGITS_FORMATS.find((format) => telling.every((row) => holdsRow(format, row)));
}

/** Whether every finite value of [V] float32 is one of the format's. */
export function holdsRow(format: LogitsFormat, row: Float32Array): boolean {
  if (format === 'F32') return true;
  const bits = new Uint32Array(row.buffer, row.byteOffset, row.length);
  if (format === 'F16') return bits.every(isF16);
  if (!bits.every((pattern) => (pattern & 0xffff) === 0 || !isFinitePattern(pattern))) return false;
  if (format === 'BF16') return true;
  for (let from = 0; from < row.length; from += BLOCK) {
    if (!isOnOneGrid(row.subarray(from, from + BLOCK), BLOCK_FRACTION_BITS[format])) return false;
  }
  return true;
}

function isFinitePattern(pattern: number): boolean {
  return (pattern & 0x7f80_0000) !== 0x7f80_0000;
}

/** 11 significant bits, down to multiples of 2^-24 and up to 65,504. */
function isF16(pattern: number): boolean {
  const exponent = (pattern >>> 23) & 0xff;
  if (exponent === 0xff || (pattern & 0x7fff_ffff) === 0) return true;
  if (exponent > 127 + 15) return false;
  const kept = exponent >= 127 - 14 ? 10 : exponent - (127 - 24);
  return kept >= 0 && (pattern & ((1 << (23 - kept)) - 1)) === 0;
}

function isOnOneGrid(block: Float32Array, fractionBits: number): boolean {
  const largest = block.reduce((most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most), 0);
  if (largest === 0) return true;
  let step = 1;
  while (step > largest) step /= 2;
  while (2 * step <= largest) step *= 2;
  step /= 2 ** fractionBits;
  return block.every((value) => !Number.isFinite(value) || Number.isInteger(value / step));
}

/** At most `most` of the indices 0 … count-1, evenly spread, the first and the last among them. */
export function spread(count: number, most: number): number[] {
  const taken = Math.min(count, most);
  return Array.from({ length: taken }, (_, i) => (taken === 1 ? 0 : Math.round((i * (count - 1)) / (taken - 1))));
}
