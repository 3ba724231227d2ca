// Seeded near-normal BF16 values, fast: a table of normal values, indexed by a hash of the element's number.
// Exactness: integers and single IEEE operations only, so that every machine makes the same bytes.
import { bf16PatternsFromValues } from '../../src/numerics/bf16.ts';

/** Half of the table's entries; the other half are their negatives, so that its mean is 0. */
const HALF_TABLE = 1 << 15;
/** A sum of this many uniform 16-bit integers has a standard deviation of 2^16 (to 1 part in 10^10). */
const UNIFORMS = 12;
const UNIFORMS_MEAN = (UNIFORMS * 0xffff) / 2;

/** Two words that select one stream of values. */
export interface StreamKey {
  readonly first: number;
  readonly second: number;
}

/** The stream of a tensor: depends on seed and name alone, so that any part of any tensor can be made by itself. */
export function streamKey(seed: number, name: string): StreamKey {
  let first = 0x811c_9dc5;
  let second = 0x9e37_79b9;
  for (const character of `${seed}\n${name}`) {
    const code = character.codePointAt(0)!;
    first = Math.imul(first ^ code, 0x0100_0193);
    second = mix(second + code);
  }
  return { first: mix(first), second };
}

/** [65536] float64 of mean 0 and standard deviation 1, the same for all seeds. */
export const STANDARD_TABLE: Float64Array = standardTable();

function standardTable(): Float64Array {
  const table = new Float64Array(2 * HALF_TABLE);
  for (let i = 0; i < HALF_TABLE; i++) {
    let sum = 0;
    for (let word = 0; word < UNIFORMS / 2; word++) {
      const bits = mix(i * UNIFORMS + word + 1);
      sum += (bits & 0xffff) + (bits >>> 16);
    }
    table[i] = (sum - UNIFORMS_MEAN) / 0x1_0000;
    table[HALF_TABLE + i] = -table[i]!;
  }
  return table;
}

/** [65536] BF16 patterns of the standard table times `deviation`. */
export function scaledTable(deviation: number): Uint16Array {
  return bf16PatternsFromValues(Float32Array.from(STANDARD_TABLE, (value) => value * deviation));
}

/**
 * Fills pairs of elements from a table of 65536 entries.
 *
 * @param pairs - two BF16 patterns each, the earlier element in the low half.
 * @param firstPair - number of the first pair in its stream, below 2^32.
 */
export function fillPairs(pairs: Uint32Array, table: Uint16Array, key: StreamKey, firstPair: number): void {
  const { first, second } = key;
  for (let i = 0; i < pairs.length; i++) {
    const bits = hashPair(firstPair + i, first, second);
    pairs[i] = table[bits & 0xffff]! | (table[bits >>> 16]! << 16);
  }
}

/** [count] values of mean 0 and standard deviation 1 in float64: the elements that `fillPairs` would scale. */
export function standardValues(count: number, key: StreamKey): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    const bits = hashPair(i >>> 1, key.first, key.second);
    return STANDARD_TABLE[(i & 1) === 0 ? bits & 0xffff : bits >>> 16]!;
  });
}

/** 32 bits out of a pair's number and its stream's two words. */
function hashPair(pair: number, first: number, second: number): number {
  let bits = Math.imul(pair, 0x9e37_79b1) ^ first;
  bits = Math.imul(bits ^ (bits >>> 16), 0x21f0_aaad) ^ second;
  bits = Math.imul(bits ^ (bits >>> 15), 0x735a_2d97);
  return bits ^ (bits >>> 15);
}

/** A bijection of 32 bits that changes half of them for each bit of its argument. */
function mix(word: number): number {
  let bits = Math.imul(word ^ (word >>> 16), 0x21f0_aaad);
  bits = Math.imul(bits ^ (bits >>> 15), 0x735a_2d97);
  return bits ^ (bits >>> 15);
}
