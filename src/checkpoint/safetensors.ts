// Safetensors files: reading headers and tensors, writing whole files under their final name only when complete.
import { readSync } from 'node:fs';
import { InputError, InternalError, listNames, QwenPccError, UnsupportedError } from '../errors.ts';
import { replaceFile, type WriteBytes } from '../files/replace-file.ts';
import {
  DTYPE_BYTES,
  type Dtype,
  elementCount,
  FLOAT_DTYPES,
  int32FromBytes,
  isFloatDtype,
  widenToFloat32,
} from '../tensor/dtypes.ts';
import { misplaced, recogniseFile, withFile } from './files.ts';
import {
  broken,
  HEADER_BYTES_MAX,
  parseSafetensorsHeader,
  type SafetensorsHeader,
  type TensorEntry,
} from './safetensors-header.ts';

export type { SafetensorsHeader, TensorEntry } from './safetensors-header.ts';

const LENGTH_FIELD_BYTES = 8;
/** One read of the widening loop; bounds the memory beside the result. A multiple of every element size. */
const CHUNK_BYTES = 1 << 24;

/** Reads and checks the header; the data is not touched. @throws InputError with codes `FILE_*`, `SAFETENSORS_*`. */
export function readSafetensorsHeader(path: string): SafetensorsHeader {
  return withFile(path, (file, fileBytes) => {
    const kind = recogniseFile(path);
    if (kind !== undefined) throw misplaced(path, kind, 'SAFETENSORS_KIND', 'a safetensors file');
    if (fileBytes < LENGTH_FIELD_BYTES) {
      throw broken(path, 'TRUNCATED', 'the file is too short for a safetensors header', {
        found: `${fileBytes} bytes`,
      });
    }
    const headerBytes = Number(readExactly(path, file, 0, LENGTH_FIELD_BYTES).readBigUInt64LE(0));
    if (headerBytes > HEADER_BYTES_MAX) {
      throw broken(path, 'HEADER_LENGTH', 'its first eight bytes are no sensible length of a safetensors header', {
        found: `${headerBytes} bytes`,
        wanted: `at most ${HEADER_BYTES_MAX} bytes, as of some 250,000 tensors`,
      });
    }
    const dataStart = LENGTH_FIELD_BYTES + headerBytes;
    if (dataStart > fileBytes) {
      throw broken(path, 'TRUNCATED', 'the header is cut off', {
        found: `${fileBytes} bytes`,
        wanted: `at least ${dataStart} bytes`,
      });
    }
    const raw = readExactly(path, file, LENGTH_FIELD_BYTES, headerBytes);
    if (raw[0] !== '{'.charCodeAt(0)) {
      throw broken(path, 'JSON', 'the header does not begin with "{", as that of a safetensors file does', {});
    }
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(raw);
    } catch (cause) {
      throw broken(path, 'JSON', 'the header is not UTF-8', {}, cause);
    }
    return parseSafetensorsHeader(path, text, dataStart, fileBytes);
  });
}

/** The entry of a tensor. @throws InputError `SAFETENSORS_TENSOR` listing the names there are. */
export function requireTensor(header: SafetensorsHeader, name: string): TensorEntry {
  const entry = header.tensors.get(name);
  if (entry !== undefined) return entry;
  throw new InputError(`${header.path}: there is no tensor "${name}".`, {
    code: 'SAFETENSORS_TENSOR',
    facts: { found: listNames([...header.tensors.keys()]) },
  });
}

/** A tensor's bytes as stored. */
export function readTensor(header: SafetensorsHeader, name: string): { entry: TensorEntry; bytes: Uint8Array } {
  const entry = requireTensor(header, name);
  return { entry, bytes: readBytes(header.path, entry.offsetBytes, entry.lengthBytes) };
}

/** A BF16, F16 or F32 tensor, flattened row-major, widened exactly. */
export function readTensorFloat32(header: SafetensorsHeader, name: string): Float32Array {
  const entry = requireTensor(header, name);
  return readFloat32At(header.path, entry, 0, elementCount(entry.shape));
}

/** An I32 or I64 tensor, flattened row-major. */
export function readTensorInt32(header: SafetensorsHeader, name: string): Int32Array {
  const { entry, bytes } = readTensor(header, name);
  return int32FromBytes(entry.dtype, bytes);
}

/**
 * Reads a run of elements, widened exactly to float32.
 *
 * @param firstElement - index into the flattened tensor.
 * @param count - elements, within the tensor.
 * @throws UnsupportedError for a dtype other than BF16, F16, F32.
 */
export function readFloat32At(path: string, entry: TensorEntry, firstElement: number, count: number): Float32Array {
  const { dtype } = entry;
  if (!isFloatDtype(dtype)) {
    throw new UnsupportedError(`${path}: a tensor has a dtype that is not widened to float32.`, {
      code: 'SAFETENSORS_DTYPE',
      facts: { found: dtype, wanted: FLOAT_DTYPES.join(', ') },
    });
  }
  const elementBytes = DTYPE_BYTES[dtype];
  const values = new Float32Array(count);
  withFile(path, (file) => {
    const chunkElements = CHUNK_BYTES / elementBytes;
    for (let done = 0; done < count; done += chunkElements) {
      const take = Math.min(chunkElements, count - done);
      const offset = entry.offsetBytes + (firstElement + done) * elementBytes;
      const bytes = readExactly(path, file, offset, take * elementBytes);
      widenToFloat32(dtype, bytes, values.subarray(done, done + take));
    }
  });
  return values;
}

export interface TensorToWrite {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** The elements, little-endian, as any typed array of the right byte length. */
  readonly data: ArrayBufferView;
}

/**
 * Writes a safetensors file: first under a temporary name beside it, then renamed, so that no reader sees half a file.
 * The bytes depend on the arguments only: tensors are ordered by element size (so that each is aligned), then by name.
 *
 * @throws InputError `FILE_WRITE` if the disk refuses; the temporary file is removed.
 */
export function writeSafetensors(
  path: string,
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = {},
): void {
  const ordered = [...tensors].sort(
    (a, b) => DTYPE_BYTES[b.dtype] - DTYPE_BYTES[a.dtype] || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  );
  const header = encodeSafetensorsHeader(ordered, metadata);
  writeThenRename(path, (write) => {
    write(header);
    for (const { data } of ordered) write(data);
  });
}

/**
 * Length field and JSON, padded with spaces to a multiple of 8; tensors lie in the order given.
 *
 * @throws InternalError if two tensors have one name.
 */
export function encodeSafetensorsHeader(
  tensors: readonly Omit<TensorToWrite, 'data'>[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const entries = new Map<string, unknown>();
  if (Object.keys(metadata).length > 0) entries.set('__metadata__', metadata);
  let offset = 0;
  for (const { name, dtype, shape } of tensors) {
    if (entries.has(name)) {
      throw new InternalError('safetensors: two tensors are written under one name.', {
        code: 'SAFETENSORS_NAME',
        facts: { name },
      });
    }
    const end = offset + elementCount(shape) * DTYPE_BYTES[dtype];
    entries.set(name, { dtype, shape, data_offsets: [offset, end] });
    offset = end;
  }
  const text = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const headerBytes = Math.ceil(text.length / 8) * 8;
  const header = Buffer.alloc(LENGTH_FIELD_BYTES + headerBytes, ' ');
  header.writeBigUInt64LE(BigInt(headerBytes), 0);
  text.copy(header, LENGTH_FIELD_BYTES);
  return header;
}

/** As `replaceFile`; what the system refuses is an InputError. */
export function writeThenRename(path: string, produce: (write: WriteBytes) => void): void {
  try {
    replaceFile(path, produce);
  } catch (cause) {
    if (cause instanceof QwenPccError) throw cause;
    throw unwritable(path, cause);
  }
}

/** What is said when the system refuses to write a file. */
export function unwritable(path: string, cause: unknown): InputError {
  return new InputError(`${path}: the file could not be written.`, {
    code: 'FILE_WRITE',
    facts: { found: (cause as Error).message },
    hint: 'check the folder, its permissions and the free space',
    cause,
  });
}

/** Reads bytes at an offset of a file. @throws InputError `FILE_UNREADABLE`, `SAFETENSORS_TRUNCATED`. */
export function readBytes(path: string, offsetBytes: number, lengthBytes: number): Uint8Array {
  return withFile(path, (file) => readExactly(path, file, offsetBytes, lengthBytes));
}

function readExactly(path: string, file: number, offset: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const got = readSync(file, bytes, done, Math.min(CHUNK_BYTES, length - done), offset + done);
    if (got === 0) {
      throw broken(path, 'TRUNCATED', 'the file ends early', {
        found: `${offset + done} bytes`,
        wanted: `${offset + length} bytes`,
      });
    }
    done += got;
  }
  return bytes;
}
