// The metadata of a GGUF file: keys and typed values, arrays of numbers as typed arrays so that a hostile one costs its own size.
// Source: GGUF specification (ggml/docs/gguf.md), gguf_metadata_value_type; gguf-py 0.19.0, gguf_reader.py.
import { brokenGguf, type HeaderCursor } from './cursor.ts';

export type NumberArray = Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array;
type WideArray = Float64Array | BigUint64Array | BigInt64Array;
/** Integers of 64 bits are numbers up to 2^53 and bigints above; an array of truth values holds 0 and 1. */
export type MetadataValue = string | number | bigint | boolean | readonly string[] | NumberArray | WideArray;
export type Metadata = ReadonlyMap<string, MetadataValue>;

/** Qwen2 files have 20 to 40. */
const KEYS_MAX = 10_000;
const KEY_BYTES_MAX = 65_535;
/** In all arrays of a file: a vocabulary of Qwen2 and its merges are 304,000. */
const TEXTS_MAX = 1_000_000;
const TEXT = 8;
const ARRAY = 9;
const BOOL = 7;

interface NumberKind {
  readonly bytes: number;
  /** A view on bytes of its own, aligned. */
  view(buffer: ArrayBuffer): NumberArray | WideArray;
}

const NUMBERS: Readonly<Record<number, NumberKind>> = {
  0: { bytes: 1, view: (buffer) => new Uint8Array(buffer) },
  1: { bytes: 1, view: (buffer) => new Int8Array(buffer) },
  2: { bytes: 2, view: (buffer) => new Uint16Array(buffer) },
  3: { bytes: 2, view: (buffer) => new Int16Array(buffer) },
  4: { bytes: 4, view: (buffer) => new Uint32Array(buffer) },
  5: { bytes: 4, view: (buffer) => new Int32Array(buffer) },
  6: { bytes: 4, view: (buffer) => new Float32Array(buffer) },
  7: { bytes: 1, view: (buffer) => new Uint8Array(buffer) },
  10: { bytes: 8, view: (buffer) => new BigUint64Array(buffer) },
  11: { bytes: 8, view: (buffer) => new BigInt64Array(buffer) },
  12: { bytes: 8, view: (buffer) => new Float64Array(buffer) },
};

/** @param count - of keys, as the file says. @throws InputError `GGUF_HEADER`. */
export function readMetadata(path: string, cursor: HeaderCursor, count: number): Metadata {
  if (count > KEYS_MAX) {
    throw brokenGguf(path, 'the file claims to have more metadata than any', {
      found: count,
      wanted: `<= ${KEYS_MAX}`,
    });
  }
  const metadata = new Map<string, MetadataValue>();
  let texts = 0;
  for (let i = 0; i < count; i++) {
    const key = cursor.text(`metadata key ${i}`);
    if (key === '' || key.length > KEY_BYTES_MAX) {
      throw brokenGguf(path, 'a metadata key is empty or too long', { found: `${key.length} characters` });
    }
    if (metadata.has(key)) throw brokenGguf(path, 'the metadata names a key twice', { key });
    const value = readValue(path, cursor, key, cursor.u32(key), TEXTS_MAX - texts);
    if (isTexts(value)) texts += value.length;
    metadata.set(key, value);
  }
  return metadata;
}

export function isTexts(value: MetadataValue): value is readonly string[] {
  return Array.isArray(value);
}

function readValue(path: string, cursor: HeaderCursor, key: string, type: number, textsMax: number): MetadataValue {
  if (type === TEXT) return cursor.text(key);
  if (type === ARRAY) return readArray(path, cursor, key, textsMax);
  const kind = NUMBERS[type];
  if (kind === undefined) throw brokenGguf(path, 'a metadata value is of an unknown type', { key, found: type });
  const [value] = readNumbers(cursor, key, kind, 1);
  if (type === BOOL) return requireTruths(path, key, [value as number])[0] === 1;
  if (typeof value !== 'bigint') return value!;
  return BigInt(Number(value)) === value && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function readArray(path: string, cursor: HeaderCursor, key: string, textsMax: number): MetadataValue {
  const type = cursor.u32(key);
  const length = cursor.size(key);
  const kind = NUMBERS[type];
  if (kind === undefined && type !== TEXT) {
    const what = type === ARRAY ? 'arrays of arrays are not read, as in llama.cpp' : 'an array is of an unknown type';
    throw brokenGguf(path, what, { key, found: `element type ${type}` });
  }
  // Before anything is made of that length: an element has at least its bytes, a text those of its length.
  if (length * (kind?.bytes ?? 8) > cursor.left()) {
    throw brokenGguf(path, 'an array is longer than the header', { key, found: `${length} elements` });
  }
  if (kind === undefined) {
    if (length > textsMax) {
      const facts = { key, found: `${length} texts`, wanted: `at most ${TEXTS_MAX} in all arrays` };
      throw brokenGguf(path, 'the metadata has more texts than any vocabulary', facts);
    }
    const texts: string[] = [];
    for (let i = 0; i < length; i++) texts.push(cursor.text(key));
    return texts;
  }
  const values = readNumbers(cursor, key, kind, length);
  return type === BOOL ? requireTruths(path, key, values as Uint8Array) : values;
}

function readNumbers(cursor: HeaderCursor, key: string, kind: NumberKind, count: number): NumberArray | WideArray {
  const own = new Uint8Array(count * kind.bytes);
  own.set(cursor.bytes(own.length, key));
  return kind.view(own.buffer);
}

function requireTruths<T extends Uint8Array | number[]>(path: string, key: string, values: T): T {
  const other = values.find((value) => value > 1);
  if (other === undefined) return values;
  throw brokenGguf(path, 'a truth value is neither 0 nor 1', { key, found: other });
}
