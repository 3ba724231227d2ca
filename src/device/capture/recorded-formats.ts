// What the rows of each recorded prompt are rounded to, read off several of its rows, or as the recording or the user says.
import { InputError } from '../../errors.ts';
import type { LogitsFormat } from '../../numerics/logits-format.ts';
import { printable } from '../../text/printable.ts';
import { looksLikeScores, scoresNote } from './filtered-scores.ts';
import type { RecordedPrompt } from './recorded-prompt.ts';
import type { Recording } from './recording.ts';
import { coarsestFormat, holdsRow, spread } from './values-format.ts';

export interface RecordedFormats {
  readonly of: ReadonlyMap<RecordedPrompt, LogitsFormat>;
  /** What a reader has to know, a sentence each. */
  readonly notes: readonly string[];
}

/** Rows of a prompt that are looked at; fewer of each where there are many prompts. */
const ROWS_LOOKED_AT = { most: 16, least: 4, ofAllPrompts: 1024 } as const;

/**
 * @param vocabSize - columns that are compared; padding is not looked at.
 * @param given - in the place of what the values and the recording say.
 * @throws InputError LOGITS_FORMAT when the values do not lie on the grid that the recording states.
 */
export function recordedFormats(
  recording: Recording,
  vocabSize: number,
  given: LogitsFormat | undefined,
): RecordedFormats {
  const of = new Map<RecordedPrompt, LogitsFormat>();
  const scores: number[] = [];
  const { most, least, ofAllPrompts } = ROWS_LOOKED_AT;
  const rowsMax = Math.min(most, Math.max(least, Math.floor(ofAllPrompts / recording.prompts.length)));
  for (const prompt of recording.prompts) {
    const rows = spread(prompt.positions.length, rowsMax);
    const read = (row: number): Float32Array => {
      const values = prompt.readLogits(row).subarray(0, vocabSize);
      const kept = looksLikeScores(values)?.kept;
      if (kept !== undefined) scores.push(kept);
      return values;
    };
    const values = rows.map(read);
    of.set(prompt, given ?? statedFormat(recording, prompt, rows, values) ?? storedFormat(prompt, values));
  }
  const notes = scores.length === 0 ? [] : [scoresNote(Math.min(...scores), vocabSize)];
  if (given !== undefined) notes.push(`the logits are taken for ${given}, as was asked`);
  const formats = [...new Set(of.values())];
  if (formats.length > 1) notes.push(`its prompts have logits of different formats: ${formats.join(', ')}`);
  return { of, notes };
}

function statedFormat(
  recording: Recording,
  prompt: RecordedPrompt,
  rows: readonly number[],
  values: readonly Float32Array[],
): LogitsFormat | undefined {
  const stated = recording.logitsFormat;
  if (stated === undefined) return undefined;
  const row = rows.find((_, i) => !holdsRow(stated, values[i]!));
  if (row === undefined) return stated;
  throw new InputError(`${printable(recording.name)}: the logits are not of the format that the recording states.`, {
    code: 'LOGITS_FORMAT',
    facts: {
      stated,
      found: `values between two of its numbers at position ${prompt.positions[row]} of prompt "${prompt.name}"`,
    },
    hint: 'correct logits_format, or leave it out: it is read off the values.',
  });
}

/** Rows without a number to tell by are of the type that they are stored in. */
function storedFormat({ logitsDtype }: RecordedPrompt, values: readonly Float32Array[]): LogitsFormat {
  const stored = logitsDtype === 'BF16' || logitsDtype === 'F16' ? logitsDtype : 'F32';
  return coarsestFormat(values) ?? stored;
}
