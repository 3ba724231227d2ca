// The rows of one recorded sequence: tokens, the positions that have a row, logits and taps, read when asked for.
import { type MatrixView, matrixView } from '../../tensor/views.ts';
import type { TapName } from '../logits-source.ts';
import type { RowTable } from './arrange-rows.ts';
import { readFloats } from './stored-array.ts';

/** One sequence of a recording; rows are read from disk when asked for. */
export interface RecordedPrompt {
  /** Unique in its recording, for people: the prompt's name, and the user's number in brackets but for the first. */
  readonly name: string;
  /** The prompt that it is a sequence of. */
  readonly prompt: string;
  /** Row of the batch, 0-based; 0 for a prompt that was run alone. */
  readonly user: number;
  /** Whether the recording itself says the name; else it is the file's. */
  readonly isNamed: boolean;
  /** [T], padding cut off. */
  readonly inputIds: Int32Array;
  /** [R], ascending: the positions that have a row. */
  readonly positions: Int32Array;
  /** Columns as stored, padding of the vocabulary with them. */
  readonly vocabSize: number;
  /** Tokens before the continuation, if the recording says. */
  readonly promptLength: number | undefined;
  /** dtype of the stored logits. */
  readonly logitsDtype: string;
  readonly taps: readonly TapName[];
  /** Row index of a position, or undefined if it is not stored. */
  rowAt(position: number): number | undefined;
  /** [V] float32, a new array. */
  readLogits(row: number): Float32Array;
  /** [H] float32, a new array; undefined if the tap is not stored for this row. */
  readTap(tap: TapName, row: number): Float32Array | undefined;
  /** All rows, [R, V]; read into memory. */
  logits(): MatrixView;
  /** The rows that a tap has, [n, H]: of the last n positions; undefined for a tap that is not stored. */
  tap(tap: TapName): MatrixView | undefined;
}

export interface SequenceParts {
  readonly prompt: string;
  readonly user: number;
  readonly isNamed: boolean;
  readonly inputIds: Int32Array;
  readonly positions: Int32Array;
  /** Index in `logits` of each position. */
  readonly rows: Int32Array;
  readonly logits: RowTable;
  readonly logitsDtype: string;
  readonly promptLength: number | undefined;
  readonly taps: ReadonlyMap<TapName, RowTable>;
}

/** `shared`, `shared[1]`, `shared[2]` … */
export function sequenceName({ prompt, user }: { readonly prompt: string; readonly user: number }): string {
  return user === 0 ? prompt : `${prompt}[${user}]`;
}

/** @param parts - fit together already. */
export function createRecordedPrompt(parts: SequenceParts): RecordedPrompt {
  const { positions, rows, logits, taps } = parts;
  const rowOfPosition = new Map<number, number>();
  for (const [row, position] of positions.entries()) rowOfPosition.set(position, row);
  const readLogits = (row: number): Float32Array => readFloats(logits.row(rows[row]!));
  const readTap = (tap: TapName, row: number): Float32Array | undefined => {
    const stored = taps.get(tap);
    if (stored === undefined) return undefined;
    // Fewer rows than logits: they are the last ones.
    const tapRow = rows[row]! - (logits.length - stored.length);
    return tapRow < 0 ? undefined : readFloats(stored.row(tapRow));
  };
  return {
    name: sequenceName(parts),
    prompt: parts.prompt,
    user: parts.user,
    isNamed: parts.isNamed,
    inputIds: parts.inputIds,
    positions,
    vocabSize: logits.width,
    promptLength: parts.promptLength,
    logitsDtype: parts.logitsDtype,
    taps: [...taps.keys()],
    rowAt: (position) => rowOfPosition.get(position),
    readLogits,
    readTap,
    logits: () => gather(positions.length, logits.width, readLogits),
    tap(tap) {
      const stored = taps.get(tap);
      if (stored === undefined) return undefined;
      const without = [...positions.keys()].filter((row) => rows[row]! < logits.length - stored.length).length;
      return gather(positions.length - without, stored.width, (row) => readTap(tap, row + without)!);
    },
  };
}

function gather(rows: number, width: number, read: (row: number) => Float32Array): MatrixView {
  const all = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) all.set(read(row), row * width);
  return matrixView(all, rows, width);
}
