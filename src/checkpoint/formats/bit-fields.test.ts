// Packed fields against a stream of single bits: every width, lengths around whole words, and columns of words.
import { describe, expect, it } from 'vitest';
import { gatherColumns, gatheredStride, unpackFields, wordsFor } from './bit-fields.ts';

/** The definition: bit by bit, lowest first. */
function packed(codes: readonly number[], bits: number): Uint32Array {
  const words = new Uint32Array(wordsFor(codes.length, bits));
  for (let bit = 0; bit < codes.length * bits; bit++) {
    const value = (codes[Math.floor(bit / bits)]! >> (bit % bits)) & 1;
    words[bit >> 5] = words[bit >> 5]! | (value << (bit & 31));
  }
  return words;
}

const codesOf = (count: number, bits: number): number[] =>
  Array.from({ length: count }, (_, i) => (i * 37 + (i >> 3) + 5) % 2 ** bits);

describe('unpackFields', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'gives back fields of %i bits, whatever their number and wherever they begin',
    (bits) => {
      for (const count of [1, 2, 7, 8, 9, 10, 11, 31, 32, 33, 64, 70, 96, 101]) {
        const codes = codesOf(count, bits);
        const words = Uint32Array.of(0xffff_ffff, 0, ...packed(codes, bits), 0xffff_ffff);
        const unpacked = new Uint8Array(count);
        unpackFields(words, 2, bits, unpacked);
        expect([...unpacked]).toEqual(codes);
      }
    },
  );

  it('reads 3 bits as AutoGPTQ lays them out: 32 fields in three words, two of them across words', () => {
    const fields = new Uint8Array(32);
    unpackFields(Uint32Array.of(0x8000_0000, 0x8000_0001, 0x0000_0003), 0, 3, fields);
    expect(fields[10]).toBe(0b110);
    expect(fields[21]).toBe(0b111);
    expect(fields.filter((field) => field !== 0)).toHaveLength(2);
  });
});

describe('gatherColumns', () => {
  it('copies columns of words to runs of words', () => {
    const words = Uint32Array.from({ length: 3 * 5 }, (_, i) => i);
    const stride = gatheredStride(3);
    const target = new Uint32Array(2 * stride);
    gatherColumns(words, 5, 3, 2, target);
    expect([...target.subarray(0, 3), ...target.subarray(stride, stride + 3)]).toEqual([3, 8, 13, 4, 9, 14]);
  });
});
