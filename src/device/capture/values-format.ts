// The format that recorded values were in before somebody widened them: read off the values, since files rarely say it.

/** BFP8_B blocks: 16 neighbours along the vocabulary. */
const BLOCK = 16;
/** Magnitude bits below the leading one of a block's largest value. */
const BFP8_FRACTION_BITS = 6;

/**
 * BFP8_B if every block of 16 lies on one grid of seven bits below its largest value, BF16 if every value fits there,
 * else `storedDtype`. A real row of hundreds of values that were not rounded so passes neither test by chance.
 *
 * @param row - [V] float32, one recorded row.
 * @param storedDtype - dtype in the file, e.g. `F32`.
 */
export function valuesFormat(row: Float32Array, storedDtype: string): string {
  const bits = new Uint32Array(row.buffer, row.byteOffset, row.length);
  const isBf16 = bits.every((pattern) => (pattern & 0xffff) === 0);
  if (!isBf16 || row.every((value) => value === 0)) return storedDtype;
  for (let from = 0; from < row.length; from += BLOCK) {
    if (!isOnOneGrid(row.subarray(from, from + BLOCK))) return 'BF16';
  }
  return 'BFP8_B';
}

function isOnOneGrid(block: Float32Array): boolean {
  const largest = block.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (largest === 0) return true;
  if (!Number.isFinite(largest)) return false;
  let step = 1;
  while (step > largest) step /= 2;
  while (2 * step <= largest) step *= 2;
  step /= 2 ** BFP8_FRACTION_BITS;
  return block.every((value) => Number.isInteger(value / step));
}
