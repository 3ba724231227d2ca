// Single values of a GGUF file's metadata, each of the kind that is wanted or an error that names its key.
import { brokenGguf } from './cursor.ts';
import { isTexts, type Metadata, type MetadataValue } from './metadata.ts';

export interface Fields {
  readonly path: string;
  readonly metadata: Metadata;
}

/** A number of any width; of float32 the shortest decimal that rounds to it, as config.json had it: 1e-6, not 9.999999974752427e-7. */
export function numberField({ path, metadata }: Fields, key: string): number | undefined {
  const value = metadata.get(key);
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isFinite(value)) return shortestDecimal(value);
  throw wrongKind(path, key, value, 'a finite number');
}

export function textField({ path, metadata }: Fields, key: string): string | undefined {
  const value = metadata.get(key);
  if (value === undefined || typeof value === 'string') return value;
  throw wrongKind(path, key, value, 'a text');
}

export function truthField({ path, metadata }: Fields, key: string): boolean | undefined {
  const value = metadata.get(key);
  if (value === undefined || typeof value === 'boolean') return value;
  throw wrongKind(path, key, value, 'true or false');
}

export function textsField({ path, metadata }: Fields, key: string): readonly string[] | undefined {
  const value = metadata.get(key);
  if (value === undefined) return undefined;
  if (isTexts(value)) return value;
  throw wrongKind(path, key, value, 'an array of texts');
}

export function required<T>({ path }: Fields, key: string, value: T | undefined): T {
  if (value !== undefined) return value;
  throw brokenGguf(path, 'the metadata lacks what a Qwen2 model needs', { missing: key });
}

/** For messages; a long array by its length. */
export function shown(value: MetadataValue): string {
  if (typeof value === 'object') return `an array of ${value.length}`;
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : String(value);
}

export function wrongKind(path: string, key: string, value: MetadataValue, wanted: string): Error {
  return brokenGguf(path, 'a metadata value is of the wrong kind', { key, found: shown(value), wanted });
}

/** What is no float32 is left as it is. */
function shortestDecimal(value: number): number {
  if (Math.fround(value) !== value) return value;
  for (let digits = 1; digits < 9; digits++) {
    const decimal = Number(value.toPrecision(digits));
    if (Math.fround(decimal) === value) return decimal;
  }
  return value;
}
