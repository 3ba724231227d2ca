// GGUF's blocks of 32 elements with one float16 scale: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0.
// Source: gguf-py 0.19.0, quants.py (dequantize_blocks of each type), bit for bit: products of a float16 and a small integer are exact in
// float32, so that one rounding, that of the sum, remains.
import { float32FromF16 } from './float16.ts';

/**
 * Decodes whole blocks.
 *
 * @param bytes - blocks without padding.
 * @param out - float32, the elements of these blocks.
 */
export type DecodeBlocks = (bytes: Uint8Array, out: Float32Array) => void;

const ELEMENTS = 32;
const HALF = 16;

/** f16 d, 16 bytes: low nibbles are elements 0 to 15, high ones 16 to 31. d * (q - 8). */
export const decodeQ40: DecodeBlocks = (bytes, out) => {
  for (let block = 0, at = 0; at < out.length; block += 18, at += ELEMENTS) {
    const scale = float32FromF16(bytes, block);
    for (let i = 0; i < HALF; i++) {
      const pair = bytes[block + 2 + i]!;
      out[at + i] = scale * ((pair & 15) - 8);
      out[at + HALF + i] = scale * ((pair >> 4) - 8);
    }
  }
};

/** f16 d, f16 m, nibbles as in Q4_0. d * q + m. */
export const decodeQ41: DecodeBlocks = (bytes, out) => {
  for (let block = 0, at = 0; at < out.length; block += 20, at += ELEMENTS) {
    const scale = float32FromF16(bytes, block);
    const minimum = float32FromF16(bytes, block + 2);
    for (let i = 0; i < HALF; i++) {
      const pair = bytes[block + 4 + i]!;
      out[at + i] = scale * (pair & 15) + minimum;
      out[at + HALF + i] = scale * (pair >> 4) + minimum;
    }
  }
};

/** f16 d, 32 fifth bits, nibbles as in Q4_0. d * (q - 16). */
export const decodeQ50: DecodeBlocks = (bytes, out) => {
  for (let block = 0, at = 0; at < out.length; block += 22, at += ELEMENTS) {
    const scale = float32FromF16(bytes, block);
    const fifths = bits32(bytes, block + 2);
    for (let i = 0; i < HALF; i++) {
      const pair = bytes[block + 6 + i]!;
      out[at + i] = scale * (((pair & 15) | (((fifths >>> i) & 1) << 4)) - 16);
      out[at + HALF + i] = scale * (((pair >> 4) | (((fifths >>> (HALF + i)) & 1) << 4)) - 16);
    }
  }
};

/** f16 d, f16 m, 32 fifth bits, nibbles as in Q4_0. d * q + m. */
export const decodeQ51: DecodeBlocks = (bytes, out) => {
  for (let block = 0, at = 0; at < out.length; block += 24, at += ELEMENTS) {
    const scale = float32FromF16(bytes, block);
    const minimum = float32FromF16(bytes, block + 2);
    const fifths = bits32(bytes, block + 4);
    for (let i = 0; i < HALF; i++) {
      const pair = bytes[block + 8 + i]!;
      out[at + i] = scale * ((pair & 15) | (((fifths >>> i) & 1) << 4)) + minimum;
      out[at + HALF + i] = scale * ((pair >> 4) | (((fifths >>> (HALF + i)) & 1) << 4)) + minimum;
    }
  }
};

/** f16 d, 32 signed bytes. d * q. */
export const decodeQ80: DecodeBlocks = (bytes, out) => {
  for (let block = 0, at = 0; at < out.length; block += 34, at += ELEMENTS) {
    const scale = float32FromF16(bytes, block);
    for (let i = 0; i < HALF; i++) {
      out[at + i] = scale * ((bytes[block + 2 + i]! << 24) >> 24);
      out[at + HALF + i] = scale * ((bytes[block + 2 + HALF + i]! << 24) >> 24);
    }
  }
};

function bits32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}
