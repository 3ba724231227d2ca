// The names of what a recording holds, for the capture device, for golden files and for `record`; docs/recordings.md shows each form.
//
// A recording is a safetensors file, a .npz archive or a folder of .npy files. A single prompt's arrays stand at the top level:
//
//   input_ids       [T]     integers      every token fed, from position 0
//   positions       [R]     integers      ascending; the positions whose rows are stored; 0 … T-1 if absent
//   logits          [R, V]  floats        row r was computed after consuming input_ids[0 … positions[r]]
//   attention_mask  [T]     0 or 1        optional; padding at either end is cut off
//   prompt_length   []      integer       optional; tokens before the continuation
//   hidden.k        [n, H]  floats        optional, n <= R: for the last n rows
//   tap.NAME        [n, H]  the same for any tap by its name, e.g. tap.layers.3.mlp.out
//
// A batch has one axis more in front of each: B users of one prompt. Several prompts carry the prefix `prompt.<name>.`, e.g.
// `prompt.call-me-ishmael.logits`. Metadata, all optional: `prompts` (JSON array of names in order), `prompt_lengths` (JSON object
// name -> tokens), `label`, `model`, `hidden` (below), `logits_format`, `tokenizer`, `tokenizer_sha256`, and `source` (JSON of the
// SourceInfo that `record` ran).
//
// `hidden.k` is the residual stream after k layers: hidden.0 = embed_tokens.out, hidden.k = layers.(k-1).out. Transformers'
// `output_hidden_states` is the same but for the last one, which is after the final norm: norm.out. Which of the two is
// meant says the metadata `hidden`: "residual" or "transformers"; without it, a recording that has hidden.0 is read as
// Transformers' (that list always begins with the embedding) and one without as the residual stream.
import { isTapName, type TapName } from '../taps.ts';
import type { StoredArray } from './stored-array.ts';

export const PROMPT_PREFIX = 'prompt.';
export const TAP_PREFIX = 'tap.';
export const HIDDEN_PREFIX = 'hidden.';
export const HIDDEN_MEANINGS = ['residual', 'transformers'] as const;
export type HiddenMeaning = (typeof HIDDEN_MEANINGS)[number];

/** Arrays of a prompt besides logits and taps. */
export const INTEGER_ARRAYS = ['input_ids', 'positions', 'attention_mask', 'prompt_length'] as const;

/** Metadata that is text; an .npz archive has an array of text for each. */
export const METADATA_NAMES = [
  'label',
  'model',
  'hidden',
  'logits_format',
  'prompts',
  'prompt_lengths',
  'source',
  'tokenizer',
  'tokenizer_sha256',
] as const;

/** What a container holds, before anything is known to fit together. */
export interface Container {
  /** Arrays by name; several pieces follow each other along the positions. */
  readonly arrays: ReadonlyMap<string, readonly StoredArray[]>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Names of arrays that are no part of a recording. */
  readonly otherNames: readonly string[];
  /** Files read, in the order that their digest is made in. */
  readonly files: readonly string[];
}

/**
 * Maps `hidden.k` and `tap.NAME` of one prompt to tap names; see the head of this file for what `meaning` decides.
 */
export function tapsFromTensorNames(
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
    if (isTapName(tap)) taps.set(tap, name);
  }
  return taps;
}

/** Whether an array of this name, without a prompt's prefix, is part of a recording. */
export function isRecordedArray(name: string, logitsName: string): boolean {
  const own = name.startsWith(PROMPT_PREFIX) ? name.slice(name.lastIndexOf('.') + 1) : name;
  return (
    (INTEGER_ARRAYS as readonly string[]).includes(own) ||
    own === logitsName ||
    /(^|\.)(hidden\.\d+|tap\..+)$/.test(name)
  );
}

/** Names that are written as taps, but are none of any model. */
export function unknownTaps(names: readonly string[]): string[] {
  return names.filter((name) => name.startsWith(TAP_PREFIX) && !isTapName(name.slice(TAP_PREFIX.length)));
}
