// What is said of columns beyond the vocabulary: that they were cut, and in which rows the cut took away what would have been chosen.
import type { RecordedPrompt } from './recorded-prompt.ts';

/** Rows that have something in common, and the first of them. */
interface Rows {
  readonly what: string;
  count: number;
  first: string;
}

/**
 * Reads every row once, one at a time.
 *
 * @param prompts - rows of one number of columns.
 * @param vocabSize - columns that are kept, fewer than there are.
 */
export function cutColumnsNote(prompts: readonly RecordedPrompt[], vocabSize: number): string {
  // Without its largest value a row is judged as if the device had chosen well.
  const larger: Rows = {
    what: 'the largest logit was among them: a token that does not exist would be chosen',
    count: 0,
    first: '',
  };
  const nan: Rows = { what: 'they held NaN', count: 0, first: '' };
  let rows = 0;
  for (const prompt of prompts) {
    rows += prompt.positions.length;
    for (const [row, position] of prompt.positions.entries()) {
      const values = prompt.readLogits(row);
      const cut = values.subarray(vocabSize);
      const place = `position ${position} of prompt "${prompt.name}"`;
      if (cut.some(Number.isNaN)) note(nan, place);
      if (!reaches(values.subarray(0, vocabSize), largest(cut))) note(larger, place);
    }
  }
  const columns = `columns ${vocabSize} … ${prompts[0]!.vocabSize - 1} lie outside the vocabulary of ${vocabSize} and were cut`;
  const found = [larger, nan].filter(({ count }) => count > 0);
  const unit = rows === 1 ? 'row' : 'rows';
  return [
    columns,
    ...found.map(({ what, count, first }) => `in ${count} of ${rows} ${unit} ${what} (first at ${first})`),
  ].join('; ');
}

function note(rows: Rows, place: string): void {
  if (rows.count === 0) rows.first = place;
  rows.count++;
}

/** NaN apart. */
function largest(values: Float32Array): number {
  let most = Number.NEGATIVE_INFINITY;
  for (const value of values) if (value > most) most = value;
  return most;
}

/** Of equal logits the first is chosen, which is a kept one. Mostly seen after a few values. */
function reaches(kept: Float32Array, value: number): boolean {
  return value === Number.NEGATIVE_INFINITY || kept.some((own) => own >= value);
}
