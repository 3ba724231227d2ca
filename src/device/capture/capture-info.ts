// What a replayed recording says of itself, and what is said of it: label, formats, notes, columns that are compared.
import { finestLogitsFormat, type LogitsFormat } from '../../numerics/logits-format.ts';
import { printable } from '../../text/printable.ts';
import type { SourceInfo } from '../logits-source.ts';
import { cutColumnsNote } from './cut-columns.ts';
import type { RecordedFormats } from './recorded-formats.ts';
import type { Recording } from './recording.ts';
import { invalid } from './replayed-sequence.ts';

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

/** Columns that both sides have: a recording may be padded beyond the vocabulary, never short of it. */
export function comparedColumns(recording: Recording, checkpoint: RecordedCheckpoint | undefined): number {
  const wanted = checkpoint?.config.vocabSize ?? recording.vocabSize;
  if (recording.vocabSize >= wanted) return wanted;
  throw invalid(
    recording,
    'VOCABULARY',
    'the recorded rows have fewer columns than the checkpoint has tokens',
    { recorded: `${recording.vocabSize} columns`, [printable(checkpoint!.name)]: `${wanted} tokens` },
    'give the checkpoint that was recorded with --weights, or record every column.',
  );
}

export async function describeCapture(
  recording: Recording,
  { kind = 'capture', checkpoint }: CaptureOptions,
  vocabSize: number,
  formats: RecordedFormats,
): Promise<SourceInfo> {
  const { metadata, vocabSize: columns } = recording;
  const file = printable(recording.name);
  const own = metadata['label'];
  const notes = [...recording.notes, ...formats.notes];
  if (columns > vocabSize) notes.push(cutColumnsNote(recording.prompts, vocabSize));
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
