// The capture device: hands out the rows recorded for a prompt of that name, but only for exactly the tokens that were recorded.
import { ComparisonInvalidError } from '../../errors.ts';
import { finestLogitsFormat, type LogitsFormat } from '../../numerics/logits-format.ts';
import { printable } from '../../text/printable.ts';
import type { FeedRequest, LogitsRow, LogitsSource, RowSink, SourceInfo, TapName } from '../logits-source.ts';
import { recordedFormats } from './recorded-formats.ts';
import type { RecordedPrompt } from './recorded-prompt.ts';
import type { Recording } from './recording.ts';

export interface CaptureSource extends LogitsSource {
  readonly recording: Recording;
  positions(prompt: string, user?: number): Int32Array | 'all';
  logitsFormatOf(prompt: string, user?: number): LogitsFormat;
}

export interface CaptureOptions {
  /** `golden-file` when the recording stands in for the reference. */
  readonly kind?: 'capture' | 'golden-file';
  /** The checkpoint that the rows are judged by: columns beyond its vocabulary are cut, other weights are noted. */
  readonly checkpoint?: RecordedCheckpoint;
  /** In the place of the format that is read off the values. */
  readonly logitsFormat?: LogitsFormat;
}

export interface RecordedCheckpoint {
  readonly name: string;
  readonly config: { readonly vocabSize: number };
  sha256(): Promise<string>;
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
  const info = await describe(recording, options, vocabSize, formats);
  let sequence = new ReplayedSequence(recording);

  return {
    info,
    recording,
    vocabSize,
    taps: [...new Set(recording.prompts.flatMap(({ taps }) => taps))],
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

/** The sequence that is being fed: which recorded ones it still may be. */
class ReplayedSequence {
  readonly #recording: Recording;
  readonly #fed: number[] = [];
  /** Those of the name that the first feed gave. */
  #entries: readonly RecordedPrompt[] | undefined;
  /** Those of them that have the tokens fed. */
  #candidates: readonly RecordedPrompt[] = [];

  constructor(recording: Recording) {
    this.#recording = recording;
  }

  get length(): number {
    return this.#fed.length;
  }

  append(tokenIds: Int32Array, { prompt, user }: FeedRequest): void {
    const before = this.#fed.length;
    if (this.#entries === undefined) this.#candidates = this.#entries = requireEntries(this.#recording, prompt, user);
    const fitting = this.#candidates.filter(
      ({ inputIds }) => commonLength(inputIds, tokenIds, before) === tokenIds.length,
    );
    if (fitting.length === 0) throw this.#otherTokens(this.#candidates, [...this.#fed, ...tokenIds]);
    this.#candidates = fitting;
    for (const tokenId of tokenIds) this.#fed.push(tokenId);
  }

  /** What begins alike may be meant again. */
  truncate(length: number): void {
    this.#fed.length = Math.min(this.#fed.length, length);
    this.#candidates = (this.#entries ?? []).filter(
      ({ inputIds }) => commonLength(inputIds, this.#fed, 0) === this.#fed.length,
    );
  }

  /** @throws ComparisonInvalidError RECORDING_AMBIGUOUS when the tokens fit several. */
  only(): RecordedPrompt {
    const [only, ...others] = this.#candidates;
    if (only !== undefined && others.length === 0) return only;
    throw invalid(
      this.#recording,
      'AMBIGUOUS',
      'several recorded prompts have these tokens, and none is asked for by name',
      { candidates: namesOf(this.#candidates), tokens: this.#fed.length },
      'plan with the names of the recording: run without --prompts, or give the prompts the same names.',
    );
  }

  #otherTokens(candidates: readonly RecordedPrompt[], context: readonly number[]): ComparisonInvalidError {
    const recording = this.#recording;
    let nearest = candidates[0]!;
    let agreeing = -1;
    for (const candidate of candidates) {
      const same = commonLength(candidate.inputIds, context, 0);
      if (same <= agreeing) continue;
      agreeing = same;
      nearest = candidate;
    }
    if (agreeing === nearest.inputIds.length) {
      return invalid(recording, 'TOO_SHORT', `prompt "${nearest.name}" ends before the plan does`, {
        recorded: `${nearest.inputIds.length} tokens`,
        wanted: `${context.length} tokens or more`,
      });
    }
    return invalid(
      recording,
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
}

/** The recorded sequences that a name may mean; none for a name that the recording does not have. */
function entriesFor(
  { prompts, find }: Recording,
  prompt: string | undefined,
  user: number | undefined,
): readonly RecordedPrompt[] {
  if (prompt === undefined) return prompts;
  const entry = find(prompt, user);
  if (entry !== undefined) return [entry];
  // A file of one prompt that has no name of its own is called after the file; no plan can know that.
  return prompts.filter((one) => !one.isNamed && one.user === (user ?? 0));
}

/** @throws ComparisonInvalidError RECORDING_PROMPT for a name that the recording does not have. */
function requireEntries(
  recording: Recording,
  prompt: string | undefined,
  user: number | undefined,
): readonly RecordedPrompt[] {
  const entries = entriesFor(recording, prompt, user);
  if (entries.length > 0) return entries;
  const asked = `"${printable(prompt ?? '')}"${user === undefined || user === 0 ? '' : ` of user ${user}`}`;
  throw invalid(
    recording,
    'PROMPT',
    `the recording has no prompt ${asked}`,
    { recorded: namesOf(recording.prompts) },
    'give the prompts of the plan the names of the recording, or run without --prompts to take the plan from it.',
  );
}

/** How many tokens of `fed` are those of `recorded` from `at` on. */
function commonLength(recorded: Int32Array, fed: ArrayLike<number>, at: number): number {
  let same = 0;
  while (same < fed.length && at + same < recorded.length && recorded[at + same] === fed[same]) same++;
  return same;
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
    throw invalid(recording, 'TAP', `prompt "${prompt.name}" has no such tap at this position`, {
      tap,
      position,
      recorded: prompt.taps.join(', ') || 'no taps',
    });
  });
  return { position, tokenId: prompt.inputIds[position]!, logits: prompt.readLogits(row), taps: new Map(tapRows) };
}

/** Columns that both sides have: a recording may be padded beyond the vocabulary, never short of it. */
function comparedColumns(recording: Recording, checkpoint: RecordedCheckpoint | undefined): number {
  const wanted = checkpoint?.config.vocabSize ?? recording.vocabSize;
  if (recording.vocabSize >= wanted) return wanted;
  throw invalid(recording, 'VOCABULARY', 'the recorded rows have fewer columns than the checkpoint has tokens', {
    recorded: `${recording.vocabSize} columns`,
    [printable(checkpoint!.name)]: `${wanted} tokens`,
  });
}

function namesOf(prompts: readonly RecordedPrompt[]): string {
  const names = prompts.map(({ name }) => name);
  return names.length > 12 ? `${names.slice(0, 12).join(', ')} and ${names.length - 12} more` : names.join(', ');
}

async function describe(
  recording: Recording,
  { kind = 'capture', checkpoint }: CaptureOptions,
  vocabSize: number,
  formats: ReturnType<typeof recordedFormats>,
): Promise<SourceInfo> {
  const { metadata, vocabSize: columns } = recording;
  const file = printable(recording.name);
  const own = metadata['label'];
  const notes = [...recording.notes, ...formats.notes];
  if (columns > vocabSize) {
    notes.push(`columns ${vocabSize} … ${columns - 1} lie outside the vocabulary of ${vocabSize} and were cut`);
  }
  const recorded = recording.weightsSha256;
  if (checkpoint !== undefined && recorded !== undefined && recorded !== (await checkpoint.sha256())) {
    notes.push(
      `by its own account it was recorded from other weights (sha256 ${printable(recorded).slice(0, 12)}…) than ${printable(checkpoint.name)}`,
    );
  }
  const used = [...new Set(formats.of.values())];
  return {
    kind,
    label: own === undefined ? `recording ${file}` : `recording ${file}, by its own account: ${printable(own)}`,
    model: printable(metadata['model'] ?? recording.name),
    weightsSha256: await recording.sha256(),
    dtypes: { logits: used.join(', ') },
    logitsFormat: finestLogitsFormat(used)!,
    settings: { file, prompts: recording.prompts.length },
    ...(notes.length === 0 ? {} : { notes: notes.map((note) => `${file}: ${note}`) }),
  };
}

function invalid(
  recording: Recording,
  code: string,
  what: string,
  facts: Readonly<Record<string, string | number>>,
  hint?: string,
): ComparisonInvalidError {
  return new ComparisonInvalidError(`${printable(recording.name)}: ${what}.`, {
    code: `RECORDING_${code}`,
    facts,
    ...(hint === undefined ? {} : { hint }),
  });
}
