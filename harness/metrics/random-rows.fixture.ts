// Seeded rows of logits for tests: bell-shaped, with a few strong heads, and a device-like copy.

/** Numbers in [0, 1) from a 32-bit linear congruential generator. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Sum of twelve uniform numbers less 6: mean 0, standard deviation 1, near enough normal. */
export function seededNormal(seed: number): () => number {
  const random = seededRandom(seed);
  return () => {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += random();
    return sum;
  };
}

/** [length] float32 with mean 0 and standard deviation 2.5; the entries 7, 14, … 70 (if there) are heads 20 … 13.7. */
export function goldenRowExample(length: number, seed: number): Float32Array {
  const normal = seededNormal(seed);
  const row = Float32Array.from({ length }, () => 2.5 * normal());
  for (let head = 0; head < 10 && 7 * (head + 1) < length; head++) row[7 * (head + 1)] = 20 - 0.7 * head;
  return row;
}

/** The row with normal noise of the given standard deviation. */
export function noisyRowExample(golden: Float32Array, noiseSd: number, seed: number): Float32Array {
  const normal = seededNormal(seed);
  return golden.map((value) => value + noiseSd * normal());
}
