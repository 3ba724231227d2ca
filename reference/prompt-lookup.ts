// Guesses how a text goes on from what followed its last tokens when they occurred before: drafts for greedy steps, without a draft model.
// Source: A. Saxena, "Prompt Lookup Decoding", 2023.

/** Tokens of an ending that are compared; a longer one says little more. */
const LONGEST_MATCH = 3;

/**
 * What followed the text's longest ending where that occurred last; a text that repeats itself up to its end goes on repeating.
 *
 * @param count - ids of the guess.
 * @returns no ids where the ending is new.
 */
export function lookUpNext(tokenIds: readonly number[], count: number): number[] {
  const end = tokenIds.length;
  let start = end;
  let longest = 0;
  for (let next = end - 1; next > 0 && longest < LONGEST_MATCH; next--) {
    let length = 0;
    while (length < Math.min(LONGEST_MATCH, next) && tokenIds[next - 1 - length] === tokenIds[end - 1 - length])
      length++;
    if (length > longest) [start, longest] = [next, length];
  }
  if (start === end) return [];
  return Array.from({ length: count }, (_, i) => tokenIds[start + (i % (end - start))]!);
}
