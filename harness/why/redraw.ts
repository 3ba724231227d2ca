// The same roundings drawn anew: what the KV cache lost of each value is lost with another sign, and embeddings are off by a last bit.
// A token at a tipping point falls to either side with any draw; what heals it in one draw only has healed nothing.
import type { ModelConfig } from '../../src/checkpoint/config.ts';
import type { Rows } from '../../src/device/n150/rows.ts';
import { bf16FromFloat32Bits, valueFromBf16 } from '../../src/numerics/bf16.ts';
import { float32Bits } from '../../src/numerics/float-bits.ts';
import { layerTapOf, type WhyTap } from './ops.ts';
import { rowPlaces } from './row-errors.ts';

/** Of the embedding's values so many are moved: one in eight, as one more rounding on the way would. */
const MOVED_SHARE = 1 / 8;

/** @returns what a lane has to do with its taps for draw 1, 2, …; rows are told apart by position, so that lanes of one draw agree. */
export function redraw(draw: number, model: ModelConfig, positions: number): (tap: WhyTap, rows: Rows) => void {
  const width = model.keyValueHeads * model.headDim;
  const given = new Map<string, Float32Array>();
  return (tap, rows) => {
    if (tap === 'embed_tokens.out') moveLastBits(rows, model.hiddenSize, positions, draw);
    const place = layerTapOf(tap);
    if (place?.name === 'self_attn.k_rotated' || place?.name === 'self_attn.v_proj.out') {
      given.set(place.name === 'self_attn.k_rotated' ? 'k' : 'v', gathered(rows, width));
    }
    if (place?.name !== 'self_attn.k_cached' && place?.name !== 'self_attn.v_cached') return;
    const part = place.name === 'self_attn.k_cached' ? 'k' : 'v';
    const before = given.get(part)!;
    const { values, starts } = rowPlaces(rows, width);
    for (const [row, start] of starts.entries()) {
      const position = positions - starts.length + row;
      for (let i = 0; i < width; i++) {
        const exact = before[row * width + i]!;
        const lost = values[start + i]! - exact;
        if (lost !== 0 && hash(draw, place.layer, part === 'k' ? 0 : 1, position, i) & 1) {
          values[start + i] = bf16(exact - lost);
        }
      }
    }
  };
}

function moveLastBits(rows: Rows, width: number, positions: number, draw: number): void {
  const { values, starts } = rowPlaces(rows, width);
  for (const [row, start] of starts.entries()) {
    for (let i = 0; i < width; i++) {
      const drawn = hash(draw, -1, 2, positions - starts.length + row, i);
      if (drawn / 2 ** 32 >= MOVED_SHARE) continue;
      // Up by one place, whatever the sign: the bit pattern of the magnitude plus one.
      values[start + i] = valueFromBf16(bf16FromFloat32Bits(float32Bits(values[start + i]!)) + 1);
    }
  }
}

function gathered(rows: Rows, width: number): Float32Array {
  const { values, starts } = rowPlaces(rows, width);
  const copy = new Float32Array(starts.length * width);
  for (const [row, start] of starts.entries()) copy.set(values.subarray(start, start + width), row * width);
  return copy;
}

function bf16(value: number): number {
  return valueFromBf16(bf16FromFloat32Bits(float32Bits(value)));
}

/** 32 bits that any of the numbers changes. */
function hash(...numbers: readonly number[]): number {
  let state = 0x811c_9dc5;
  for (const number of numbers) {
    state = Math.imul(state ^ number, 0x0100_0193);
    state = Math.imul(state ^ (state >>> 15), 0x2c1b_3c6d);
    state ^= state >>> 13;
  }
  return state >>> 0;
}
