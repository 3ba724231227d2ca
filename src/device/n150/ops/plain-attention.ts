// A layer's attention in plain TypeScript, for every combination of knobs: the definition that the kernel reproduces.

import type { AttentionKnobs, AttentionShape, LayerAttention } from '../../wormhole/attention-engine.ts';
import { createKvCache } from '../kv-cache.ts';
import { createAttentionDecode } from './attention-decode.ts';

export function createPlainAttention(shape: AttentionShape, knobs: AttentionKnobs): LayerAttention {
  const { queryHeads, keyValueHeads, headDim } = shape;
  const attend = createAttentionDecode(shape, knobs);
  const headsPerGroup = queryHeads / keyValueHeads;
  const width = queryHeads * headDim;
  let cache = createKvCache(keyValueHeads, headDim, knobs);
  return {
    write(position, keys, keysStart, values, valuesStart): void {
      cache.write(position, keys, keysStart, values, valuesStart);
    },
    attend(queries, stride, rows, firstPosition): Float32Array {
      const attended = new Float32Array(rows * width);
      for (let row = 0; row < rows; row++) {
        for (let head = 0; head < queryHeads; head++) {
          const headCache = cache.heads[Math.floor(head / headsPerGroup)]!;
          const offset = head * headDim;
          attend(queries, row * stride + offset, headCache, firstPosition + row, attended, row * width + offset);
        }
      }
      return attended;
    },
    release(): void {
      cache = createKvCache(keyValueHeads, headDim, knobs);
    },
  };
}
