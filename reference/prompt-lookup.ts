// Guesses how a text goes on from its own tokens: drafts for greedy steps, without a draft model.
// Source: A. Saxena, "Prompt Lookup Decoding", 2023.

/** Tokens of an ending that are compared; a longer one says little more. */
const LONGEST_MATCH = 3;

export interface Guesses {
  /** Tokens that follow one another. */
  readonly chain: readonly number[];
  /** Other tokens than the chain's first that may come in its place, each once. */
  readonly others: readonly number[];
}

/**
 * The chain is what followed the text's longest ending where that occurred last; a text that repeats itself up to its end goes on repeating. Others
 * are what followed elsewhere, longer endings and later places first, then the text's latest tokens.
 *
 * @param chainLength - ids of the chain; none where the ending is new.
 * @param count - ids in all, if the text has so many.
 */
export function lookUpNext(tokenIds: readonly number[], chainLength: number, count: number): Guesses {
  const end = tokenIds.length;
  const places: number[][] = Array.from({ length: LONGEST_MATCH + 1 }, () => []);
  for (let next = end - 1; next > 0; next--) {
    let length = 0;
    while (length < Math.min(LONGEST_MATCH, next) && tokenIds[next - 1 - length] === tokenIds[end - 1 - length])
      length++;
    places[length]!.push(next);
  }
  const starts = places.slice(1).reverse().flat();
  const [start] = starts;
  const chain =
    start === undefined ? [] : Array.from({ length: chainLength }, (_, i) => tokenIds[start + (i % (end - start))]!);
  const followed = starts.map((place) => tokenIds[place]!);
  const others = new Set<number>();
  for (const id of [...followed, ...tokenIds.toReversed()]) {
    if (others.size >= count - chain.length) break;
    if (id !== chain[0]) others.add(id);
  }
  return { chain, others: [...others] };
}
