// Seeded random numbers for resampling: xoshiro128**, its state filled by splitmix32.
// Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators" (2021), prng.di.unimi.it, public domain.

/** Draws whole numbers 0 … 2^32 - 1. */
export type Random32 = () => number;

/** The generator of a 32-bit seed. */
export function randomFromSeed(seed: number): Random32 {
  let counter = seed >>> 0;
  // Constants of MurmurHash3's finaliser; four words of it are never all zero, which is the one state that is forbidden.
  const nextWord = (): number => {
    counter = (counter + 0x9e37_79b9) >>> 0;
    let word = counter;
    word = Math.imul(word ^ (word >>> 16), 0x85eb_ca6b);
    word = Math.imul(word ^ (word >>> 13), 0xc2b2_ae35);
    return (word ^ (word >>> 16)) >>> 0;
  };
  return randomFromState([nextWord(), nextWord(), nextWord(), nextWord()]);
}

/** The generator that stands at these four words, not all zero. */
export function randomFromState(state: readonly [number, number, number, number]): Random32 {
  let [a, b, c, d] = state;
  return () => {
    const drawn = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotateLeft(d, 11);
    return drawn;
  };
}

/** A whole number 0 … count - 1; uneven by less than count / 2^32. */
export function drawIndex(random: Random32, count: number): number {
  return Math.floor((random() / 2 ** 32) * count);
}

function rotateLeft(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}
