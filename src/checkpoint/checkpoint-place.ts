// Where a checkpoint is, as people write it: a Hugging Face folder, a .gguf file, or either with an adapter (`BASE+ADAPTER`).
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

/** Absolute paths. */
export interface CheckpointPlace {
  /** A folder or a .gguf file. */
  readonly base: string;
  /** The folder of a LoRA adapter on it. */
  readonly adapter: string | undefined;
}

/** Stands between a base and its adapter. */
export const ADAPTER_SIGN = '+';

/**
 * Reads a place, relative to the current folder. A path that is there counts as it is, whatever signs its name has.
 *
 * Where neither reading is there, the whole text is the base, so that the message names what was written.
 */
export function parsePlace(text: string): CheckpointPlace {
  const whole = resolve(text);
  if (existsSync(whole)) return { base: whole, adapter: undefined };
  for (let at = text.indexOf(ADAPTER_SIGN); at >= 0; at = text.indexOf(ADAPTER_SIGN, at + 1)) {
    const [base, adapter] = [resolve(text.slice(0, at)), resolve(text.slice(at + 1))];
    if (at > 0 && at + 1 < text.length && existsSync(base)) return { base, adapter };
  }
  return { base: whole, adapter: undefined };
}

/** A place as one text with absolute paths; `parsePlace` reads it back. */
export function placeText({ base, adapter }: CheckpointPlace): string {
  return adapter === undefined ? base : `${base}${ADAPTER_SIGN}${adapter}`;
}

/** A place as one text, wherever it is read from. */
export function absolutePlace(text: string): string {
  return placeText(parsePlace(text));
}

/** Short name for reports: of the base, and of the adapter on it. */
export function placeName({ base, adapter }: CheckpointPlace): string {
  return adapter === undefined ? basename(base) : `${basename(base)}${ADAPTER_SIGN}${basename(adapter)}`;
}

/**
 * The .gguf file that a path means: itself, or the only model of a folder that holds no other weights.
 *
 * @returns undefined for a folder of another kind; of shards, the first.
 */
export function ggufOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isFile() === true) return /\.gguf$/i.test(path) ? path : undefined;
  if (found?.isDirectory() !== true) return undefined;
  const names = readdirSync(path);
  if (names.some((name) => /\.safetensors(\.index\.json)?$/.test(name))) return undefined;
  const models = names.filter((name) => /\.gguf$/i.test(name) && !/-(?!00001)\d{5}-of-\d{5}\.gguf$/i.test(name));
  return models.length === 1 ? join(path, models[0]!) : undefined;
}
