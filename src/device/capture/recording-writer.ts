// Writes recordings row by row as a source hands them out; logits and taps alike go to disk at once, whatever their number.
// Source: recording-format.ts.
import type { TensorToWrite } from '../../checkpoint/safetensors.ts';
import { createSafetensorsStream } from '../../checkpoint/safetensors-stream.ts';
import { InternalError } from '../../errors.ts';
import type { LogitsRow, SourceInfo, TapName } from '../logits-source.ts';
import { PROMPT_PREFIX, TAP_PREFIX } from './recording-format.ts';
import { createSpoolFile, type SpoolFile } from './spool-file.ts';

export interface FinishedPrompt {
  /** Every token fed, [T]. */
  readonly inputIds: Int32Array;
  /** Tokens before the continuation. */
  readonly promptLength: number;
}

export interface RecordingWriter {
  beginPrompt(name: string): void;
  /** Appends a row; logits are stored as float32. */
  addRow(row: LogitsRow): void;
  endPrompt(finished: FinishedPrompt): void;
  /** Puts the file in place. */
  finish(): void;
  /** Leaves nothing behind. */
  abort(): void;
}

interface OpenPrompt {
  readonly name: string;
  readonly positions: number[];
  /** Rows of each tap: a tensor lies in one piece, so they wait until the logits are complete. */
  readonly taps: Map<TapName, { readonly rows: SpoolFile; readonly width: number; count: number }>;
  vocabSize: number;
}

export interface RecordingWriterOptions {
  /** sha256 of the tokenizer.json that the ids are of. */
  readonly tokenizerSha256?: string;
}

type Declaration = Omit<TensorToWrite, 'data'>;

/**
 * @param path - the file; it appears when `finish` is called.
 * @param info - of the source whose rows are recorded; kept in the metadata.
 * @throws InputError `FILE_WRITE` if the disk refuses.
 */
export function createRecordingWriter(
  path: string,
  info: SourceInfo,
  { tokenizerSha256 }: RecordingWriterOptions = {},
): RecordingWriter {
  const stream = createSafetensorsStream(path);
  const tensors: (Declaration & { readonly prompt: string })[] = [];
  const promptLengths: Record<string, number> = {};
  let open: OpenPrompt | undefined;
  const requireOpen = (): OpenPrompt => {
    if (open !== undefined) return open;
    throw new InternalError('recording writer: no prompt was begun.', { code: 'RECORDING_WRITER' });
  };
  return {
    beginPrompt(name) {
      open = { name, positions: [], taps: new Map(), vocabSize: 0 };
    },
    addRow({ position, logits, taps }) {
      const prompt = requireOpen();
      prompt.positions.push(position);
      prompt.vocabSize = logits.length;
      stream.append(logits);
      for (const [tap, values] of taps) {
        let stored = prompt.taps.get(tap);
        if (stored === undefined) {
          const rows = createSpoolFile(`${path}.${process.pid}.tap-${prompt.taps.size}.tmp`);
          stored = { rows, width: values.length, count: 0 };
          prompt.taps.set(tap, stored);
        }
        stored.rows.append(values);
        stored.count++;
      }
    },
    endPrompt({ inputIds, promptLength }) {
      const { name: prompt, positions, taps, vocabSize } = requireOpen();
      tensors.push({ prompt, name: 'logits', dtype: 'F32', shape: [positions.length, vocabSize] });
      for (const [tap, { rows, width, count }] of taps) {
        rows.drain((piece) => stream.append(piece));
        tensors.push({ prompt, name: `${TAP_PREFIX}${tap}`, dtype: 'F32', shape: [count, width] });
      }
      stream.append(inputIds);
      tensors.push({ prompt, name: 'input_ids', dtype: 'I32', shape: [inputIds.length] });
      stream.append(Int32Array.from(positions));
      tensors.push({ prompt, name: 'positions', dtype: 'I32', shape: [positions.length] });
      promptLengths[prompt] = promptLength;
      open = undefined;
    },
    finish() {
      const prompts = Object.keys(promptLengths);
      // A single prompt stands at the top level, as other tools' recordings do.
      const nameOf = (prompt: string, name: string): string =>
        prompts.length === 1 ? name : `${PROMPT_PREFIX}${prompt}.${name}`;
      stream.finish(
        tensors.map(({ prompt, name, dtype, shape }) => ({ name: nameOf(prompt, name), dtype, shape })),
        {
          label: info.label,
          model: info.model,
          prompts: JSON.stringify(prompts),
          prompt_lengths: JSON.stringify(promptLengths),
          source: JSON.stringify(info),
          ...(tokenizerSha256 === undefined ? {} : { tokenizer_sha256: tokenizerSha256 }),
        },
      );
    },
    abort() {
      for (const { rows } of open?.taps.values() ?? []) rows.remove();
      stream.abort();
    },
  };
}
