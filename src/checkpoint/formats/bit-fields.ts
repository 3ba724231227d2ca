// Codes of a few bits in 32-bit words: unsigned fields, lowest bits first, dense, so that a field may straddle two words.
// GPTQ, compressed-tensors and MLX pack this way, along one axis of a matrix; a field is nowhere more than a byte.

/** Words that hold so many fields. */
export function wordsFor(fields: number, bits: number): number {
  return Math.ceil((fields * bits) / 32);
}

/**
 * Unpacks consecutive fields.
 *
 * @param words - at least `firstWord + wordsFor(codes.length, bits)` words; the first field begins with `firstWord`.
 * @param bits - 1 to 8.
 * @param codes - [fields] filled whole.
 */
export function unpackFields(words: Uint32Array, firstWord: number, bits: number, codes: Uint8Array): void {
  if (bits === 4) unpackNibbles(words, firstWord, codes);
  else if (32 % bits === 0) unpackWholeFields(words, firstWord, bits, codes);
  else unpackStraddlingFields(words, firstWord, bits, codes);
}

function unpackNibbles(words: Uint32Array, firstWord: number, codes: Uint8Array): void {
  const whole = codes.length & ~7;
  for (let field = 0, at = firstWord; field < whole; field += 8, at++) {
    const word = words[at]!;
    codes[field] = word & 15;
    codes[field + 1] = (word >>> 4) & 15;
    codes[field + 2] = (word >>> 8) & 15;
    codes[field + 3] = (word >>> 12) & 15;
    codes[field + 4] = (word >>> 16) & 15;
    codes[field + 5] = (word >>> 20) & 15;
    codes[field + 6] = (word >>> 24) & 15;
    codes[field + 7] = word >>> 28;
  }
  for (let field = whole; field < codes.length; field++) {
    codes[field] = (words[firstWord + (field >>> 3)]! >>> (4 * (field & 7))) & 15;
  }
}

function unpackWholeFields(words: Uint32Array, firstWord: number, bits: number, codes: Uint8Array): void {
  const mask = 2 ** bits - 1;
  for (let field = 0, at = firstWord; field < codes.length; at++) {
    const word = words[at]!;
    for (let shift = 0; shift < 32 && field < codes.length; shift += bits) codes[field++] = (word >>> shift) & mask;
  }
}

function unpackStraddlingFields(words: Uint32Array, firstWord: number, bits: number, codes: Uint8Array): void {
  const mask = 2 ** bits - 1;
  for (let field = 0; field < codes.length; field++) {
    const bit = field * bits;
    const at = firstWord + (bit >>> 5);
    const shift = bit & 31;
    let code = words[at]! >>> shift;
    if (shift + bits > 32) code |= words[at + 1]! << (32 - shift);
    codes[field] = code & mask;
  }
}

/** Words between the columns that `gatherColumns` writes: a line more than they need, since multiples of 4 KiB share cache lines. */
export function gatheredStride(rows: number): number {
  return rows + 16;
}

/**
 * Copies columns of a matrix of words, each to consecutive words: what was packed along columns is then unpacked as rows are.
 *
 * @param words - [rows, columns], row-major.
 * @param target - [count, gatheredStride(rows)], the first `rows` of each filled.
 */
export function gatherColumns(
  words: Uint32Array,
  columns: number,
  firstColumn: number,
  count: number,
  target: Uint32Array,
): void {
  const rows = words.length / columns;
  const stride = gatheredStride(rows);
  for (let row = 0; row < rows; row++) {
    const rowStart = row * columns + firstColumn;
    for (let column = 0; column < count; column++) target[column * stride + row] = words[rowStart + column]!;
  }
}
