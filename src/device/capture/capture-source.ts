// The capture device: hands out the rows recorded for a prompt of that name, but only for exactly the tokens that were recorded.
import { finestLogitsFormat, type LogitsFormat } from '../../numerics/logits-format.ts';
import type { FeedRequest, LogitsRow, LogitsSource, RowSink, TapName } from '../logits-source.ts';
import { type CaptureOptions, comparedColumns, describeCapture } from './capture-info.ts';
import { recordedFormats } from './recorded-formats.ts';
import type { RecordedPrompt } from './recorded-prompt.ts';
import type { Recording } from './recording.ts';
import { entriesFor, invalid, ReplayedSequence } from './replayed-sequence.ts';

export type { CaptureOptions } from './capture-info.ts';

export interface CaptureSource extends LogitsSource {
  readonly recording: Recording;
  positions(prompt: string, user?: number): Int32Array | 'all';
  logitsFormatOf(prompt: string, user?: number): LogitsFormat;
}

/**
 * A source that replays a recording.
 *
 * A sequence is of the prompt (and user) that its first feed names. Without a name, or with one for a recording of a single
 * prompt that has no name of its own, the sequence is found by its tokens, if only one fits.
 *
 * `feed` throws ComparisonInvalidError when the prompt is not recorded, when it is fed tokens other than the recorded ones (naming
 * the first differing position), tokens beyond the recording's end, rows after the last recorded one, or taps that are not stored.
 */
export async function createCaptureSource(recording: Recording, options: CaptureOptions = {}): Promise<CaptureSource> {
  const vocabSize = comparedColumns(recording, options.checkpoint);
  const formats = recordedFormats(recording, vocabSize, options.logitsFormat);
  const info = await describeCapture(recording, options, vocabSize, formats);
  const taps = [...new Set(recording.prompts.flatMap((prompt) => prompt.taps))];
  const createSequence = (): CaptureSource => replay({ recording, info, vocabSize, taps, formats, createSequence });
  return createSequence();
}

interface Replay extends Pick<LogitsSource, 'info' | 'vocabSize' | 'taps'> {
  readonly recording: Recording;
  readonly formats: ReturnType<typeof recordedFormats>;
  readonly createSequence: () => CaptureSource;
}

function replay({ recording, info, vocabSize, taps, formats, createSequence }: Replay): CaptureSource {
  let sequence = new ReplayedSequence(recording);

  return {
    info,
    recording,
    vocabSize,
    taps,
    sequence: createSequence,
    get length() {
      return sequence.length;
    },
    positions(prompt, user) {
      const [first, ...others] = entriesFor(recording, prompt, user);
      const isAlike = others.every(({ positions }) => positions.join() === first!.positions.join());
      // What feed refuses has no positions to plan by.
      return first !== undefined && isAlike ? first.positions : 'all';
    },
    logitsFormatOf(prompt, user) {
      const formatsOfEntries = entriesFor(recording, prompt, user).map((entry) => formats.of.get(entry)!);
      return finestLogitsFormat(formatsOfEntries) ?? info.logitsFormat;
    },
    async feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
      const first = sequence.length;
      sequence.append(tokenIds, want);
      const end = sequence.length;
      const firstWanted = { all: first, last: end - 1, none: end }[want.rows];
      for (let position = firstWanted; position < end; position++) {
        const row = readRow(recording, sequence.only(), position, want.taps ?? []);
        if (row !== undefined) await onRow({ ...row, logits: row.logits.subarray(0, vocabSize) });
      }
    },
    async truncate(length: number): Promise<void> {
      if (length === 0) sequence = new ReplayedSequence(recording);
      else sequence.truncate(length);
    },
    async close(): Promise<void> {
      sequence = new ReplayedSequence(recording);
    },
  };
}

/** @returns undefined for a position without a row. */
function readRow(
  recording: Recording,
  prompt: RecordedPrompt,
  position: number,
  taps: readonly TapName[],
): LogitsRow | undefined {
  const row = prompt.rowAt(position);
  const last = prompt.positions.at(-1)!;
  if (row === undefined && position < last) return undefined;
  if (row === undefined) {
    throw invalid(
      recording,
      'ROW',
      `the rows of prompt "${prompt.name}" end before its tokens do`,
      { 'last row': `position ${last}`, 'last token': `position ${prompt.inputIds.length - 1}` },
      'a request that was cut off has to be recorded again; tokens that were not fed do not belong into input_ids.',
    );
  }
  const tapRows = taps.map((tap): [TapName, Float32Array] => {
    const values = prompt.readTap(tap, row);
    if (values !== undefined) return [tap, values];
    throw invalid(
      recording,
      'TAP',
      `prompt "${prompt.name}" has no such tap at this position`,
      { tap, position, recorded: prompt.taps.join(', ') || 'no taps' },
      'ask for one that is recorded, or record this one.',
    );
  });
  return { position, tokenId: prompt.inputIds[position]!, logits: prompt.readLogits(row), taps: new Map(tapRows) };
}
