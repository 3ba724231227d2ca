// The layout of recorded logits, for the capture device, for golden files and for `record`.
//
// A recording is one safetensors file. A single prompt's tensors stand at the top level:
//
//   input_ids   [T]     I32 or I64       every token fed, from position 0
//   positions   [R]     I32 or I64       ascending; the positions whose rows are stored
//   logits      [R, V]  F32, BF16, F16   row r was computed after consuming input_ids[0 … positions[r]]
//   hidden.k    [n, H]  F32, BF16, F16   optional, n <= R: for the last n positions
//   tap.NAME    [n, W]  the same for any tap by its name and width (taps.ts), e.g. tap.layers.3.mlp.out
//
// Several prompts carry the prefix `prompt.<name>.`, e.g. `prompt.call-me-ishmael.logits`. Metadata, all optional:
// `prompts` (JSON array of names in order), `prompt_lengths` (JSON object name -> tokens before the continuation),
// `label`, `model`, `hidden` (below), and `source` (JSON of the SourceInfo that `record` ran).
//
// `hidden.k` is the residual stream after k layers: hidden.0 = embed_tokens.out, hidden.k = layers.(k-1).out. Transformers'
// `output_hidden_states` is the same but for the last one, which is after the final norm: norm.out. Which of the two is
// meant says the metadata `hidden`: "residual" or "transformers"; without it, a recording that has hidden.0 is read as
// Transformers' (that list always begins with the embedding) and one without as the residual stream.
import { basename } from 'node:path';
import { readFloat32At, type TensorEntry } from '../../checkpoint/safetensors.ts';
import { ComparisonInvalidError } from '../../errors.ts';
import { isFloatDtype } from '../../tensor/dtypes.ts';
import { isTapName, nearestTap, TAP_NAMES_TEXT, type TapName } from '../taps.ts';

export const PROMPT_PREFIX = 'prompt.';
export const TAP_PREFIX = 'tap.';
export const HIDDEN_PREFIX = 'hidden.';
export const HIDDEN_MEANINGS = ['residual', 'transformers'] as const;
export type HiddenMeaning = (typeof HIDDEN_MEANINGS)[number];

/** A tensor somewhere on disk: in a safetensors file, or a .npy file of its own. */
export interface StoredTensor extends TensorEntry {
  readonly file: string;
}

/** One prompt's rows; rows are read from disk when asked for. */
export interface RecordedPrompt {
  readonly name: string;
  /** [T] */
  readonly inputIds: Int32Array;
  /** [R], ascending. */
  readonly positions: Int32Array;
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
  /** Float32 of the tap's width, a new array; undefined if the tap is not stored for this row. */
  readTap(tap: TapName, row: number): Float32Array | undefined;
}

export interface PromptParts {
  readonly name: string;
  /** Names the recording in errors. */
  readonly path: string;
  readonly inputIds: Int32Array;
  readonly positions: Int32Array;
  readonly logits: StoredTensor;
  readonly taps: ReadonlyMap<TapName, StoredTensor>;
  readonly promptLength: number | undefined;
}

/** Checks that ids, positions, logits and taps belong together. @throws ComparisonInvalidError `RECORDING_*`. */
export function createRecordedPrompt(parts: PromptParts): RecordedPrompt {
  const { name, inputIds, positions, logits, taps, promptLength } = parts;
  requireFit(parts);
  const rows = new Map<number, number>();
  positions.forEach((position, row) => {
    rows.set(position, row);
  });
  const vocabSize = logits.shape[1]!;
  return {
    name,
    inputIds,
    positions,
    vocabSize,
    promptLength,
    logitsDtype: logits.dtype,
    taps: [...taps.keys()],
    rowAt: (position) => rows.get(position),
    readLogits: (row) => readFloat32At(logits.file, logits, row * vocabSize, vocabSize),
    readTap(tap, row) {
      const stored = taps.get(tap);
      if (stored === undefined) return undefined;
      const [tapRows, width] = stored.shape as [number, number];
      // Fewer rows than logits: they are the last ones.
      const tapRow = row - (positions.length - tapRows);
      return tapRow < 0 ? undefined : readFloat32At(stored.file, stored, tapRow * width, width);
    },
  };
}

function requireFit({ name, path, inputIds, positions, logits, taps, promptLength }: PromptParts): void {
  const subject = `${basename(path)}, prompt "${name}"`;
  if (inputIds.length === 0 || positions.length === 0) {
    throw invalid(subject, 'EMPTY', 'there is nothing to compare', {
      tokens: inputIds.length,
      rows: positions.length,
    });
  }
  if (logits.shape.length !== 2 || logits.shape[0] !== positions.length || !isFloatDtype(logits.dtype)) {
    throw invalid(subject, 'LOGITS', 'logits do not fit positions', {
      found: `${logits.dtype} [${logits.shape.join(', ')}]`,
      wanted: `F32, BF16 or F16 [${positions.length}, V]`,
    });
  }
  positions.forEach((position, row) => {
    const least = row === 0 ? 0 : positions[row - 1]! + 1;
    if (position < least || position >= inputIds.length) {
      throw invalid(subject, 'POSITIONS', 'positions ascend within the tokens that were fed', {
        found: `position ${position} in row ${row}`,
        wanted: `${least} … ${inputIds.length - 1}`,
      });
    }
  });
  for (const [tap, { shape, dtype }] of taps) {
    if (shape.length === 2 && shape[0]! <= positions.length && isFloatDtype(dtype)) continue;
    throw invalid(subject, 'TAP', 'a tap does not fit positions', {
      tap,
      found: `${dtype} [${shape.join(', ')}]`,
      wanted: `F32, BF16 or F16 [at most ${positions.length}, width]`,
    });
  }
  if (promptLength !== undefined && (promptLength < 1 || promptLength > inputIds.length)) {
    throw invalid(subject, 'PROMPT_LENGTH', 'the prompt is longer than the tokens that were fed', {
      found: promptLength,
      wanted: `1 … ${inputIds.length}`,
    });
  }
}

/**
 * Maps `hidden.k` and `tap.NAME` of one prompt to tap names; see the head of this file for what `meaning` decides.
 *
 * @param subject - names recording and prompt in errors.
 * @throws ComparisonInvalidError `RECORDING_TAP_NAME`.
 */
export function tapsFromTensorNames(
  subject: string,
  names: readonly string[],
  meaning: HiddenMeaning | undefined,
): ReadonlyMap<TapName, string> {
  const taps = new Map<TapName, string>();
  const hidden = names
    .filter((name) => /^hidden\.\d+$/.test(name))
    .map((name) => Number(name.slice(HIDDEN_PREFIX.length)));
  const isTransformers = (meaning ?? (hidden.includes(0) ? 'transformers' : 'residual')) === 'transformers';
  const last = Math.max(...hidden);
  for (const k of hidden.sort((a, b) => a - b)) {
    const tap: TapName =
      k === 0 ? 'embed_tokens.out' : isTransformers && k === last ? 'norm.out' : `layers.${k - 1}.out`;
    taps.set(tap, `${HIDDEN_PREFIX}${k}`);
  }
  for (const name of names) {
    if (!name.startsWith(TAP_PREFIX)) continue;
    const tap = name.slice(TAP_PREFIX.length);
    if (!isTapName(tap)) throw unknownTap(subject, tap);
    taps.set(tap, name);
  }
  return taps;
}

function unknownTap(subject: string, found: string): ComparisonInvalidError {
  const nearest = nearestTap(found);
  const hint =
    nearest === undefined
      ? 'leave the tensor out, or name it as the table of taps does'
      : `did you mean ${TAP_PREFIX}${nearest}?`;
  return invalid(
    subject,
    'TAP_NAME',
    'a tensor is named as a tap that does not exist',
    { found: TAP_PREFIX + found, wanted: TAP_NAMES_TEXT },
    hint,
  );
}

/** A ComparisonInvalidError `RECORDING_<code>`. */
export function invalid(
  subject: string,
  code: string,
  what: string,
  facts: Readonly<Record<string, string | number>>,
  hint?: string,
): ComparisonInvalidError {
  return new ComparisonInvalidError(`${subject}: ${what}.`, {
    code: `RECORDING_${code}`,
    facts,
    ...(hint === undefined ? {} : { hint }),
  });
}
