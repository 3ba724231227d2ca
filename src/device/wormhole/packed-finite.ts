// Whether a packed matrix holds infinities or NaN, told from the exponents without unpacking.
// Exactness: a group of a block format has exponent 255 exactly when one of its sixteen values had; padding is zero.
import { TILE_BYTES, TILE_EXPONENT_BYTES } from '../../tensor/tile-layout.ts';
import type { PackedMatrix } from './matmul-engine.ts';

const WORD_BYTES = 4;

/** @param matrix - its tiles begin at a multiple of four bytes. */
export function hasNotFinite({ format, tiles }: PackedMatrix): boolean {
  const words = new Int32Array(tiles.buffer, tiles.byteOffset, tiles.length / WORD_BYTES);
  if (format === 'BF16') return hasInfinitePattern(words);
  const tileWords = TILE_BYTES[format] / WORD_BYTES;
  for (let tile = 0; tile < words.length; tile += tileWords) {
    for (let i = tile; i < tile + TILE_EXPONENT_BYTES / WORD_BYTES; i++) if (hasByte255(words[i]!)) return true;
  }
  return false;
}

/** Four exponents at once: subtracting one from each byte of the complement borrows where it is zero. */
function hasByte255(word: number): boolean {
  return ((~word - 0x0101_0101) & word & 0x8080_8080) !== 0;
}

/** Two bfloat16 patterns a word. */
function hasInfinitePattern(words: Int32Array): boolean {
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if ((word & 0x7f80) === 0x7f80 || (word & 0x7f80_0000) === 0x7f80_0000) return true;
  }
  return false;
}
