// The header of a safetensors file, parsed with distrust: everything that could send a reader astray is an error.
// Source: safetensors format description (huggingface/safetensors README, "Format"): 8 bytes length, JSON, one buffer
// that is indexed entirely, without holes and overlaps.
import { InputError } from '../errors.ts';
import { DTYPE_BYTES, type Dtype, elementCount, isDtype } from '../tensor/dtypes.ts';

/**
 * What a hostile file can make a reader parse. The format allows 100 MB; 25 MB, which is huggingface.js's limit as well, describe
 * 250,000 tensors, and Qwen2-72B has 963 in 37 files.
 */
export const HEADER_BYTES_MAX = 25_000_000;
/** object of tensors > tensor > shape array. */
const JSON_DEPTH_MAX = 3;
const RANK_MAX = 8;

export interface TensorEntry {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** From the start of the file, header included. */
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

export interface SafetensorsHeader {
  readonly path: string;
  readonly fileBytes: number;
  /** In the order of the data. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Checks a header against its file.
 *
 * @param headerText - the JSON, decoded.
 * @param dataStart - 8 + header length, bytes.
 * @throws InputError with codes `SAFETENSORS_*`.
 */
export function parseSafetensorsHeader(
  path: string,
  headerText: string,
  dataStart: number,
  fileBytes: number,
): SafetensorsHeader {
  let json: unknown;
  try {
    json = JSON.parse(headerText);
  } catch (cause) {
    throw broken(path, 'JSON', 'the header is not JSON', { found: (cause as Error).message }, cause);
  }
  requireSaneJson(path, headerText);
  if (!isObject(json)) throw broken(path, 'JSON', 'the header is not a JSON object', {});
  const metadata = parseMetadata(path, json['__metadata__']);
  const entries = Object.entries(json)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]): [string, TensorEntry] => [name, parseEntry(path, name, value, dataStart, fileBytes)]);
  entries.sort(([, a], [, b]) => a.offsetBytes - b.offsetBytes || a.lengthBytes - b.lengthBytes);
  requireContiguous(path, entries, dataStart, fileBytes);
  return { path, fileBytes, tensors: new Map(entries), metadata };
}

function parseEntry(path: string, name: string, value: unknown, dataStart: number, fileBytes: number): TensorEntry {
  const found = () => ({ tensor: name, found: JSON.stringify(value) });
  if (!isObject(value)) throw broken(path, 'ENTRY', 'a tensor is described by a JSON object', found());
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !isDtype(dtype)) {
    throw broken(path, 'DTYPE', 'a tensor has an unknown dtype', {
      ...found(),
      wanted: Object.keys(DTYPE_BYTES).join(', '),
    });
  }
  if (!isCountArray(shape) || shape.length > RANK_MAX) {
    throw broken(path, 'SHAPE', `a shape is an array of at most ${RANK_MAX} non-negative integers`, found());
  }
  const bytes = elementCount(shape) * DTYPE_BYTES[dtype];
  if (!Number.isSafeInteger(bytes)) throw broken(path, 'SHAPE', 'a shape has more elements than any file', found());
  if (!isCountArray(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw broken(path, 'OFFSETS', 'data_offsets are two ascending non-negative integers', found());
  }
  const [begin, end] = offsets as [number, number];
  if (dataStart + end > fileBytes) {
    throw broken(path, 'TRUNCATED', 'a tensor ends after the end of the file; the file is cut off or the header lies', {
      tensor: name,
      'ends at': `${dataStart + end} bytes`,
      file: `${fileBytes} bytes`,
    });
  }
  if (end - begin !== bytes) {
    throw broken(path, 'LENGTH', 'dtype and shape do not fit the number of bytes', {
      tensor: name,
      shape: `${dtype} [${shape.join(', ')}] = ${bytes} bytes`,
      offsets: `[${begin}, ${end}] = ${end - begin} bytes`,
    });
  }
  return { dtype, shape, offsetBytes: dataStart + begin, lengthBytes: bytes };
}

/** The format forbids holes (a file that is two things at once) as well as overlaps (one tensor that is two). */
function requireContiguous(
  path: string,
  entries: readonly (readonly [string, TensorEntry])[],
  dataStart: number,
  fileBytes: number,
): void {
  let end = dataStart;
  let previous = 'the header';
  for (const [name, { offsetBytes, lengthBytes }] of entries) {
    if (offsetBytes !== end) {
      const [code, what] = offsetBytes < end ? ['OVERLAP', 'overlap'] : ['HOLE', 'leave a hole'];
      throw broken(path, code!, `two tensors ${what}`, {
        [previous]: `ends at byte ${end}`,
        [name]: `begins at byte ${offsetBytes}`,
      });
    }
    end = offsetBytes + lengthBytes;
    previous = name;
  }
  if (end !== fileBytes) {
    throw broken(path, 'HOLE', 'bytes after the last tensor belong to none', {
      [previous]: `ends at byte ${end}`,
      file: `${fileBytes} bytes`,
    });
  }
}

/**
 * Depth and duplicate keys, which JSON.parse accepts silently (the last one wins).
 *
 * @param text - JSON: in what is none, every quote would begin a search for its end, and time would grow with the square.
 */
function requireSaneJson(path: string, text: string): void {
  const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]/gs;
  const open: { keys: Set<string> | undefined; isKeyNext: boolean }[] = [];
  for (const [found] of text.matchAll(token)) {
    const top = open.at(-1);
    if (found === '{' || found === '[') {
      if (open.length === JSON_DEPTH_MAX) {
        throw broken(path, 'JSON', `the header nests deeper than ${JSON_DEPTH_MAX} levels`, {});
      }
      open.push({ keys: found === '{' ? new Set() : undefined, isKeyNext: found === '{' });
    } else if (found === '}' || found === ']') {
      open.pop();
    } else if (top !== undefined && found !== ':') {
      if (top.keys !== undefined && top.isKeyNext && found !== ',') {
        // Escapes make equal names look different: "\u0061" is "a".
        const key = found.includes('\\') ? (JSON.parse(found) as string) : found.slice(1, -1);
        if (top.keys.has(key)) throw broken(path, 'DUPLICATE', 'the header names a key twice', { key });
        top.keys.add(key);
      }
      top.isKeyNext = found === ',';
    }
  }
}

function parseMetadata(path: string, value: unknown): Record<string, string> {
  if (value === undefined) return {};
  if (!isObject(value) || Object.values(value).some((entry) => typeof entry !== 'string')) {
    throw broken(path, 'METADATA', '__metadata__ is an object of strings', { found: JSON.stringify(value) });
  }
  return value as Record<string, string>;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCountArray(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((entry) => Number.isSafeInteger(entry) && entry >= 0);
}

/** An InputError `SAFETENSORS_<code>` about one file. */
export function broken(
  path: string,
  code: string,
  what: string,
  facts: Readonly<Record<string, string | number>>,
  cause?: unknown,
): InputError {
  return new InputError(`${path}: ${what}.`, {
    code: `SAFETENSORS_${code}`,
    facts,
    hint: 'download or write the file again',
    cause,
  });
}
