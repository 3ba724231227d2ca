// What a KV cache keeps of keys and values: the rows that the packer writes, one head at a time.
// Source: n150-numerics A.4: 16 neighbours of one head share an exponent; the other rows of a tile re-pack to themselves.
// Exactness: bit-exact.
import { BLOCK_LENGTH } from '../../numerics/block-float.ts';
import type { MatmulTier } from './matmul-engine.ts';
import { packRowsToBlockFloat } from './packer.ts';

export const KV_FORMATS = ['BFP8_B', 'BF16'] as const;

export interface KvPackingKnobs {
  readonly tier: MatmulTier;
  readonly kvFormat: (typeof KV_FORMATS)[number];
  readonly bfp8PackDoubleRound: boolean;
}

/**
 * @param headDim - D; a head whose D is no multiple of 16 is packed with zeros behind it, as in its padded tile.
 * @returns what the cache keeps of one head's [D] values from `start`: [D], good until the next call.
 */
export function createKvPacking(
  headDim: number,
  { tier, kvFormat, bfp8PackDoubleRound }: KvPackingKnobs,
): (from: Float32Array, start: number) => Float32Array {
  const packs = tier !== 'fp32' && kvFormat === 'BFP8_B';
  const packing = { format: 'BFP8_B', doubleRound: bfp8PackDoubleRound } as const;
  const padded = new Float32Array(Math.ceil(headDim / BLOCK_LENGTH) * BLOCK_LENGTH);
  const packed = padded.subarray(0, headDim);
  return (from, start) => {
    for (let d = 0; d < headDim; d++) padded[d] = from[start + d]!;
    padded.fill(0, headDim);
    if (packs) packRowsToBlockFloat(padded, packing);
    return packed;
  };
}
