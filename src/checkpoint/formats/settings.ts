// Reading quantization_config with distrust: fields of wrong kinds and fields that nobody knows are refused by name.
import { notRead } from './format.ts';

export type Settings = Readonly<Record<string, unknown>>;

const VALUE_CHARACTERS = 200;

/** A value as messages show it. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= VALUE_CHARACTERS ? text : `${text.slice(0, VALUE_CHARACTERS)}…`;
}

export function isSettings(value: unknown): value is Settings {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Null, false, zero, empty: what a program writes for "not used". */
export function isUnset(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isSettings(value) ? Object.keys(value).length === 0 : !value;
}

/**
 * Refuses what could change values without our knowing.
 *
 * @param place - of the settings, for messages.
 * @param known - fields that are read, and fields that are known to change no value of the weights.
 * @throws UnsupportedError `QUANTISED_UNSUPPORTED`.
 */
export function refuseUnknown(path: string, place: string, settings: Settings, known: readonly string[]): void {
  for (const [key, value] of Object.entries(settings)) {
    if (known.includes(key) || isUnset(value)) continue;
    throw notRead(path, `${place}.${key} is not known`, shown(value), 'no such field, or an empty one');
  }
}

/** @throws UnsupportedError `QUANTISED_UNSUPPORTED` if a field is set. */
export function refuseSet(path: string, place: string, settings: Settings, key: string, why: string): void {
  if (!isUnset(settings[key])) throw notRead(path, `${place}.${key}: ${why}`, shown(settings[key]), 'an empty one');
}

/** A field that is one of a few values. @param absent - taken for a field that is absent or null. */
export function oneOf<Value extends string | number | boolean>(
  path: string,
  place: string,
  settings: Settings,
  key: string,
  wanted: readonly Value[],
  absent?: Value,
): Value {
  const value = settings[key] ?? absent;
  const lower = typeof value === 'string' ? value.toLowerCase() : value;
  const found = wanted.find((one) => one === lower);
  if (found !== undefined) return found;
  throw notRead(path, `${place}.${key} is not read`, shown(settings[key]), wanted.join(', '));
}

/** Columns that share a scale; -1 stands for all. */
export function groupSizeOf(path: string, place: string, settings: Settings, absent?: number): number {
  const value = settings['group_size'] ?? absent;
  if (typeof value === 'number' && Number.isSafeInteger(value) && (value > 0 || value === -1)) return value;
  throw notRead(path, `${place}.group_size is not read`, shown(settings['group_size']), 'a positive integer or -1');
}

/** A list of names; absent and null are empty. */
export function namesOf(path: string, place: string, settings: Settings, key: string): readonly string[] {
  const value = settings[key] ?? [];
  if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value as string[];
  throw notRead(path, `${place}.${key} is not read`, shown(value), 'an array of names');
}
