// Orders of neighbours that readers of packed formats get wrong: llama's heads, AWQ's and GGUF's nibbles, the two halves of a byte.
// Source: llama.cpp convert (`LlamaModel.permute`), AutoAWQ packing_utils (order 0 2 4 6 1 3 5 7), GGUF Q4_0 (low nibbles first).
import type { Diagnosis } from './weight-comparison.ts';

/** `from[i]`: where in its group the value at i of the variant stands in the base. */
export interface GroupPermutation {
  readonly kind: Extract<Diagnosis['kind'], 'permutedHeads' | 'permutedGroups'>;
  readonly from: readonly number[];
  /** Goes on from `its rows`, `its columns`. */
  readonly says: string;
}

/** AWQ's place of nibble i of a word. */
const AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7];

/** @param headDim - even; undefined for what has no heads. */
export function groupPermutations(headDim: number | undefined): readonly GroupPermutation[] {
  const swapped = (size: number): number[] => Array.from({ length: size }, (_, i) => i ^ 1);
  const permutations: GroupPermutation[] = [
    { kind: 'permutedGroups', from: swapped(2), says: 'are swapped in pairs: the order of nibbles in a byte' },
    {
      kind: 'permutedGroups',
      from: AWQ_ORDER,
      says: 'are permuted in groups of 8 as 0 2 4 6 1 3 5 7: the nibble order of AWQ',
    },
    {
      kind: 'permutedGroups',
      from: inverse(AWQ_ORDER),
      says: 'are permuted in groups of 8 as 0 4 1 5 2 6 3 7: the nibble order of AWQ, undone once too often',
    },
    {
      kind: 'permutedGroups',
      from: Array.from({ length: 8 }, (_, i) => 7 - i),
      says: 'are reversed in groups of 8: the order of nibbles in a word',
    },
    {
      kind: 'permutedGroups',
      from: halvesBecomePairs(32),
      says: 'are permuted in blocks of 32: halves of GGUF blocks read as pairs of nibbles',
    },
    {
      kind: 'permutedGroups',
      from: inverse(halvesBecomePairs(32)),
      says: 'are permuted in blocks of 32: pairs of nibbles read as halves of GGUF blocks',
    },
  ];
  if (headDim === undefined || headDim % 2 === 1) return permutations;
  const llama = halvesBecomePairs(headDim);
  return [
    {
      kind: 'permutedHeads',
      from: llama,
      says: 'are permuted in each head as llama.cpp permutes llama: pair i stands where halves i and i + D/2 belong (Qwen2 is not permuted)',
    },
    {
      kind: 'permutedHeads',
      from: inverse(llama),
      says: "are permuted in each head as if llama.cpp's permutation were undone, which Qwen2 does not have",
    },
    ...permutations,
  ];
}

/** Value 2i comes from i, 2i + 1 from i + size/2. */
export function halvesBecomePairs(size: number): number[] {
  return Array.from({ length: size }, (_, i) => (i >> 1) + (i & 1) * (size / 2));
}

export function inverse(from: readonly number[]): number[] {
  const to = new Array<number>(from.length);
  for (const [i, place] of from.entries()) to[place] = i;
  return to;
}
