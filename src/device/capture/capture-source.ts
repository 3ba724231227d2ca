// The capture device: hands out recorded rows, but only for exactly the tokens that were recorded.
import { ComparisonInvalidError } from '../../errors.ts';
import type { FeedRequest, LogitsRow, LogitsSource, RowSink, SourceInfo, TapName } from '../logits-source.ts';
import type { Recording } from './recording.ts';
import { invalid, type RecordedPrompt } from './recording-format.ts';
import { valuesFormat } from './values-format.ts';

export interface CaptureSource extends LogitsSource {
  readonly recording: Recording;
  /** Binds the sequences that follow to one recorded prompt. @throws ComparisonInvalidError for a name not recorded. */
  selectPrompt(name: string): void;
}

export interface CaptureOptions {
  /** As `selectPrompt`; without it, the prompt is found by its tokens. */
  readonly promptName?: string;
  /** `golden-file` when the recording stands in for the reference. */
  readonly kind?: 'capture' | 'golden-file';
}

/**
 * A source that replays a recording.
 *
 * `feed` throws ComparisonInvalidError when it is fed tokens other than the recorded ones (naming the first differing
 * position), tokens beyond the recording's end, or asked for rows or taps that are not stored.
 */
export async function createCaptureSource(recording: Recording, options: CaptureOptions = {}): Promise<CaptureSource> {
  const info = describe(recording, options.kind ?? 'capture', await recording.sha256());
  const fed: number[] = [];
  let bound: RecordedPrompt | undefined;
  const selectPrompt = (name: string): void => {
    bound = recording.prompts.find((prompt) => prompt.name === name);
    if (bound !== undefined) return;
    throw invalid(recording.name, 'PROMPT', `the recording has no prompt "${name}"`, {
      recorded: recording.prompts.map((prompt) => prompt.name).join(', '),
    });
  };
  if (options.promptName !== undefined) selectPrompt(options.promptName);

  return {
    info,
    recording,
    vocabSize: recording.vocabSize,
    taps: [...new Set(recording.prompts.flatMap(({ taps }) => taps))],
    get length() {
      return fed.length;
    },
    selectPrompt,
    async feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
      const first = fed.length;
      const context = [...fed, ...tokenIds];
      const prompt = matchingPrompt(recording, bound === undefined ? recording.prompts : [bound], context);
      fed.push(...tokenIds);
      const firstWanted = { all: first, last: fed.length - 1, none: fed.length }[want.rows];
      for (let position = firstWanted; position < fed.length; position++) {
        await onRow(readRow(recording, prompt, position, want.taps ?? []));
      }
    },
    async truncate(length: number): Promise<void> {
      fed.length = Math.min(fed.length, length);
    },
    async close(): Promise<void> {
      fed.length = 0;
    },
  };
}

/**
 * The candidate that was recorded with these tokens. Two recorded prompts that begin alike have, up to where they
 * part, the same context and so the same rows.
 */
function matchingPrompt(
  recording: Recording,
  candidates: readonly RecordedPrompt[],
  context: readonly number[],
): RecordedPrompt {
  let nearest: RecordedPrompt = candidates[0]!;
  let agreeing = -1;
  for (const candidate of candidates) {
    const same = commonPrefix(candidate.inputIds, context);
    if (same === context.length) return candidate;
    if (same > agreeing) {
      agreeing = same;
      nearest = candidate;
    }
  }
  if (agreeing === nearest.inputIds.length) {
    throw invalid(recording.name, 'TOO_SHORT', `prompt "${nearest.name}" ends before the plan does`, {
      recorded: `${nearest.inputIds.length} tokens`,
      wanted: `${context.length} tokens or more`,
    });
  }
  throw invalid(
    recording.name,
    'TOKENS',
    `the recording is of other tokens than the plan (prompt "${nearest.name}")`,
    {
      'first differing position': agreeing,
      recorded: `token id ${nearest.inputIds[agreeing]}`,
      plan: `token id ${context[agreeing]}`,
    },
    'record the plan anew, or run without --prompts to take the plan from the recording',
  );
}

function commonPrefix(a: Int32Array, b: readonly number[]): number {
  let same = 0;
  while (same < a.length && same < b.length && a[same] === b[same]) same++;
  return same;
}

function readRow(recording: Recording, prompt: RecordedPrompt, position: number, taps: readonly TapName[]): LogitsRow {
  const row = prompt.rowAt(position);
  if (row === undefined) {
    throw invalid(
      recording.name,
      'ROW',
      `prompt "${prompt.name}" has no logits for a position that is to be compared`,
      {
        position,
        recorded: describePositions(prompt.positions),
      },
    );
  }
  const tapRows = taps.map((tap): [TapName, Float32Array] => {
    const values = prompt.readTap(tap, row);
    if (values !== undefined) return [tap, values];
    throw new ComparisonInvalidError(`${recording.name}: prompt "${prompt.name}" has no such tap at this position.`, {
      code: 'RECORDING_TAP',
      facts: { tap, position, recorded: prompt.taps.join(', ') || 'no taps' },
    });
  });
  return { position, tokenId: prompt.inputIds[position]!, logits: prompt.readLogits(row), taps: new Map(tapRows) };
}

function describePositions(positions: Int32Array): string {
  const shown = positions.length > 12 ? [...positions.slice(0, 11), '…', positions.at(-1)] : [...positions];
  return `${positions.length} positions: ${shown.join(', ')}`;
}

function describe(recording: Recording, kind: 'capture' | 'golden-file', sha256: string): SourceInfo {
  const dtypes = [
    ...new Set(recording.prompts.map((prompt) => valuesFormat(prompt.readLogits(0), prompt.logitsDtype))),
  ];
  return {
    kind,
    label: recording.metadata['label'] ?? `recording ${recording.name}`,
    model: recording.metadata['model'] ?? recording.name,
    weightsSha256: sha256,
    dtypes: { logits: dtypes.join(', ') },
    settings: { file: recording.name, prompts: recording.prompts.length },
  };
}
