// Writes recordings row by row as a source hands them out; memory stays at one row however long the prompts are.
// Source: recording-format.ts.
import type { TensorToWrite } from '../../checkpoint/safetensors.ts';
import { createSafetensorsStream } from '../../checkpoint/safetensors-stream.ts';
import { InternalError } from '../../errors.ts';
import type { LogitsRow, SourceInfo, TapName } from '../logits-source.ts';
import { PROMPT_PREFIX, TAP_PREFIX } from './recording-format.ts';

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
  readonly taps: Map<TapName, Float32Array[]>;
  vocabSize: number;
}

type Declaration = Omit<TensorToWrite, 'data'>;

/**
 * @param path - the file; it appears when `finish` is called.
 * @param info - of the source whose rows are recorded; kept in the metadata.
 * @throws InputError `FILE_WRITE` if the disk refuses.
 */
export function createRecordingWriter(path: string, info: SourceInfo): RecordingWriter {
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
        const rows = prompt.taps.get(tap) ?? [];
        rows.push(values.slice());
        prompt.taps.set(tap, rows);
      }
    },
    endPrompt({ inputIds, promptLength }) {
      const { name: prompt, positions, taps, vocabSize } = requireOpen();
      tensors.push({ prompt, name: 'logits', dtype: 'F32', shape: [positions.length, vocabSize] });
      for (const [tap, rows] of taps) {
        for (const values of rows) stream.append(values);
        tensors.push({ prompt, name: `${TAP_PREFIX}${tap}`, dtype: 'F32', shape: [rows.length, rows[0]!.length] });
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
        },
      );
    },
    abort: () => stream.abort(),
  };
}
