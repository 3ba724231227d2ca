// Whether a packed matrix holds infinities or NaN, told from the exponents without unpacking.
// Exactness: a group of a block format has exponent 255 exactly when one of its sixteen values had; padding is zero.
import { TILE_BYTES, TILE_EXPONENT_BYTES } from '../../tensor/tile-layout.ts';
import type { PackedMatrix } from './matmul-engine.ts';

const WORD_BYTES = 4;

/** @param matrix - its tiles begin at a multiple of four bytes. */
export function hasNotFinite({ format, tiles }: PackedMatrix): boolean {
  const words = new Int32Array(tiles.buffer, tiles.byteOffset, tiles.length / WORD_BYTES);
  return format === 'BF16' ? hasInfinitePattern(words) : hasFullExponent(words, TILE_BYTES[format] / WORD_BYTES);
}

/** Four exponents a word: subtracting one from each byte of the complement borrows where that is zero. */
function hasFullExponent(words: Int32Array, tileWords: number): boolean {
  let marks = 0;
  for (let tile = 0; tile < words.length; tile += tileWords) {
    for (let i = tile; i < tile + TILE_EXPONENT_BYTES / WORD_BYTES; i++) {
      marks |= (~words[i]! - 0x0101_0101) & words[i]! & 0x8080_8080;
    }
  }
  return marks !== 0;
}

/** Two bfloat16 patterns a word: adding one to each exponent carries into the place of the sign where it is full. */
function hasInfinitePattern(words: Int32Array): boolean {
  let marks = 0;
  for (let i = 0; i < words.length; i++) marks |= ((words[i]! & 0x7f80_7f80) + 0x0080_0080) | 0;
  return (marks & 0x8000_8000) !== 0;
}
