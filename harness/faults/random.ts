// Seeded numbers of integer arithmetic, so that a fault is the same on every machine and in every run.

/** @returns numbers in [0, 1), from a seed and the words that tell one use from another. */
export function randomOf(seed: number, ...words: readonly (string | number)[]): () => number {
  let state = 0x811c_9dc5 ^ seed;
  for (const character of words.join('\u0000')) state = Math.imul(state ^ character.codePointAt(0)!, 0x0100_0193);
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The sum of twelve uniform numbers, less six: mean 0, variance 1, and no logarithm. */
export function normalOf(random: () => number): number {
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += random();
  return sum;
}

/** Numbers 0 … count - 1 in another order. */
export function shuffled(count: number, random: () => number): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const other = Math.floor(random() * (i + 1));
    [order[i], order[other]] = [order[other]!, order[i]!];
  }
  return order;
}
