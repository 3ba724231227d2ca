// Rows that are scores after sampling's filters instead of logits: nearly every entry is -Infinity, or as good as that.

/** Transformers' filters write -Infinity, others the least number of the type; no logit comes near. */
const FILTERED = -1e30;

/**
 * Recognises what `generate(output_scores=True)` returns after top-k, top-p or min-p: more than half of the entries filtered.
 *
 * @param row - [V] float32.
 * @returns how many entries were kept, or undefined for a row that looks like logits.
 */
export function looksLikeScores(row: Float32Array): { readonly kept: number } | undefined {
  let kept = 0;
  for (const value of row) if (value > FILTERED) kept++;
  // NaN is neither; a row without a single number is broken, not filtered.
  return kept > 0 && kept < row.length / 2 && !row.some(Number.isNaN) ? { kept } : undefined;
}

/** What is said about such rows. */
export function scoresNote(kept: number, vocabSize: number): string {
  return `all but ${kept} of ${vocabSize} entries of a row are -Infinity: this looks like filtered scores; record the raw logits (output_logits=True)`;
}
