// GGUF's blocks of 256 elements, whose sub-blocks have small integer scales of their own: Q2_K, Q3_K, Q4_K, Q5_K, Q6_K.
// Source: gguf-py 0.19.0, quants.py (dequantize_blocks of each type), bit for bit: scale times sub-scale times code has at most 24 bits, so
// that it is exact in float32, and the difference to a minimum is rounded once.
import { float32FromF16 } from './float16.ts';
import type { DecodeBlocks } from './short-blocks.ts';

/** 16 bytes of scale (low) and minimum (high nibble) for 16 elements each, 64 of codes, f16 d, f16 dmin. d * s * q - dmin * m. */
export const decodeQ2K: DecodeBlocks = (bytes, out) => {
  for (let block = 0, at = 0; block < bytes.length; block += 84) {
    const scale = float32FromF16(bytes, block + 80);
    const minimum = float32FromF16(bytes, block + 82);
    for (let part = 0, codes = block + 16, sub = block; part < 2; part++, codes += 32) {
      for (let shift = 0; shift < 8; shift += 2) {
        for (let start = codes; start < codes + 32; start += 16, sub++) {
          const step = scale * (bytes[sub]! & 15);
          const least = minimum * (bytes[sub]! >> 4);
          for (let i = start; i < start + 16; i++) out[at++] = step * ((bytes[i]! >> shift) & 3) - least;
        }
      }
    }
  }
};

/** 32 bytes of third bits, 64 of two low bits, 12 of sixteen 6-bit scales, f16 d. d * (s - 32) * (q - 4 without the third bit). */
export const decodeQ3K: DecodeBlocks = (bytes, out) => {
  for (let block = 0, at = 0; block < bytes.length; block += 110) {
    const scale = float32FromF16(bytes, block + 108);
    const scales = block + 96;
    for (let part = 0, sub = 0; part < 2; part++) {
      for (let pair = 0; pair < 4; pair++) {
        const third = part * 4 + pair;
        for (let start = 0; start < 32; start += 16, sub++) {
          const low = (bytes[scales + (sub & 7)]! >> (sub < 8 ? 0 : 4)) & 15;
          const high = (bytes[scales + 8 + (sub & 3)]! >> (2 * (sub >> 2))) & 3;
          const step = scale * ((low | (high << 4)) - 32);
          for (let i = start; i < start + 16; i++) {
            const code = (bytes[block + 32 + part * 32 + i]! >> (2 * pair)) & 3;
            out[at++] = step * (code - 4 + (((bytes[block + i]! >> third) & 1) << 2));
          }
        }
      }
    }
  }
};

/** The 6-bit scale (`from` 0) or minimum (`from` 4) of a sub-block, of the 12 bytes that Q4_K and Q5_K share. */
function sixBits(bytes: Uint8Array, scales: number, sub: number, from: 0 | 4): number {
  if (sub < 4) return bytes[scales + from + sub]! & 63;
  const low = bytes[scales + 4 + sub]! >> from;
  return (low & 15) | ((bytes[scales + from + sub - 4]! >> 6) << 4);
}

/** f16 d, f16 dmin, 12 bytes of scales and minima, 128 of nibbles: of each 32 bytes low ones first. d * s * q - dmin * m. */
export const decodeQ4K: DecodeBlocks = (bytes, out) => {
  for (let block = 0, at = 0; at < out.length; block += 144) {
    const scale = float32FromF16(bytes, block);
    const minimum = float32FromF16(bytes, block + 2);
    for (let sub = 0, codes = block + 16; sub < 8; sub += 2, codes += 32, at += 64) {
      const stepLow = scale * sixBits(bytes, block + 4, sub, 0);
      const leastLow = minimum * sixBits(bytes, block + 4, sub, 4);
      const stepHigh = scale * sixBits(bytes, block + 4, sub + 1, 0);
      const leastHigh = minimum * sixBits(bytes, block + 4, sub + 1, 4);
      for (let i = 0; i < 32; i++) {
        const pair = bytes[codes + i]!;
        out[at + i] = stepLow * (pair & 15) - leastLow;
        out[at + 32 + i] = stepHigh * (pair >> 4) - leastHigh;
      }
    }
  }
};

/** As Q4_K, with 32 bytes of fifth bits between scales and nibbles: bit `sub` of byte i. */
export const decodeQ5K: DecodeBlocks = (bytes, out) => {
  for (let block = 0, at = 0; at < out.length; block += 176) {
    const scale = float32FromF16(bytes, block);
    const minimum = float32FromF16(bytes, block + 2);
    const fifths = block + 16;
    for (let sub = 0, codes = block + 48; sub < 8; sub += 2, codes += 32, at += 64) {
      const stepLow = scale * sixBits(bytes, block + 4, sub, 0);
      const leastLow = minimum * sixBits(bytes, block + 4, sub, 4);
      const stepHigh = scale * sixBits(bytes, block + 4, sub + 1, 0);
      const leastHigh = minimum * sixBits(bytes, block + 4, sub + 1, 4);
      for (let i = 0; i < 32; i++) {
        const pair = bytes[codes + i]!;
        const fifth = bytes[fifths + i]! >> sub;
        out[at + i] = stepLow * ((pair & 15) | ((fifth & 1) << 4)) - leastLow;
        out[at + 32 + i] = stepHigh * ((pair >> 4) | ((fifth & 2) << 3)) - leastHigh;
      }
    }
  }
};

/** 128 bytes of nibbles, 64 of two high bits, 16 signed scales for 16 elements each, f16 d. d * s * (q - 32). */
export const decodeQ6K: DecodeBlocks = (bytes, out) => {
  for (let block = 0, at = 0; at < out.length; block += 210) {
    const scale = float32FromF16(bytes, block + 208);
    for (let half = 0; half < 2; half++, at += 128) {
      const low = block + half * 64;
      const high = block + 128 + half * 32;
      for (let start = 0; start < 32; start += 16) {
        const scales = block + 192 + half * 8 + (start >> 4);
        const step0 = scale * ((bytes[scales]! << 24) >> 24);
        const step1 = scale * ((bytes[scales + 2]! << 24) >> 24);
        const step2 = scale * ((bytes[scales + 4]! << 24) >> 24);
        const step3 = scale * ((bytes[scales + 6]! << 24) >> 24);
        for (let i = start; i < start + 16; i++) {
          const first = bytes[low + i]!;
          const second = bytes[low + 32 + i]!;
          const two = bytes[high + i]!;
          out[at + i] = step0 * (((first & 15) | ((two & 3) << 4)) - 32);
          out[at + 32 + i] = step1 * (((second & 15) | (((two >> 2) & 3) << 4)) - 32);
          out[at + 64 + i] = step2 * (((first >> 4) | (((two >> 4) & 3) << 4)) - 32);
          out[at + 96 + i] = step3 * (((second >> 4) | ((two >> 6) << 4)) - 32);
        }
      }
    }
  }
};
