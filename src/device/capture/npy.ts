// NumPy .npy files: the header says where the elements lie and what they are; either order of axes becomes a view.
// Source: numpy.lib.format, versions 1.0, 2.0 and 3.0.
import { InputError, UnsupportedError } from '../../errors.ts';
import { DTYPE_BYTES, type Dtype, elementCount } from '../../tensor/dtypes.ts';
import { type ByteSource, type StoredArray, storedArray } from './stored-array.ts';

const NPY_MAGIC = '\x93NUMPY';
const DTYPE_OF: Readonly<Record<string, Dtype>> = {
  '|b1': 'BOOL',
  '|u1': 'U8',
  '|i1': 'I8',
  '<u2': 'U16',
  '<i2': 'I16',
  '<u4': 'U32',
  '<i4': 'I32',
  '<u8': 'U64',
  '<i8': 'I64',
  '<f2': 'F16',
  '<f4': 'F32',
  '<f8': 'F64',
  // bfloat16 of the ml_dtypes package, which NumPy saves as two bytes without a type.
  '|V2': 'BF16',
  '<V2': 'BF16',
};
const HEADER_BYTES_MAX = 1 << 20;
/** UCS-4 characters. */
const TEXT = /^<U(\d+)$/;

interface NpyHeader {
  readonly descr: string;
  readonly isColumnMajor: boolean;
  readonly shape: readonly number[];
  readonly offsetBytes: number;
}

/**
 * Opens an array; the elements stay where they are.
 *
 * @throws InputError NPY_BROKEN for bytes that are no .npy or are cut off, UnsupportedError NPY_UNSUPPORTED for other elements.
 */
export function openNpy(bytes: ByteSource): StoredArray {
  const { path } = bytes;
  const { descr, isColumnMajor, shape, offsetBytes } = readNpyHeader(bytes);
  const dtype = DTYPE_OF[descr];
  if (dtype === undefined) {
    throw new UnsupportedError(`${path}: arrays of this type are not read.`, {
      code: 'NPY_UNSUPPORTED',
      facts: { found: descr, wanted: Object.keys(DTYPE_OF).join(', ') },
      hint: /^>[fiu]/.test(descr)
        ? `save it little-endian: numpy.save(path, array.astype('<${descr.slice(1)}'))`
        : "save logits as numpy.float32 and ids as numpy.int32, e.g. numpy.save(path, array.astype('<f4'))",
    });
  }
  const lengthBytes = elementCount(shape) * DTYPE_BYTES[dtype];
  requireLength(bytes, offsetBytes, lengthBytes, `${dtype} [${shape.join(', ')}]`);
  return storedArray(rangeOf(bytes, offsetBytes, lengthBytes), dtype, shape, isColumnMajor);
}

/** The strings of an array of text, as metadata is kept in .npz; undefined for any other array. */
export function npyText(bytes: ByteSource): string[] | undefined {
  const { descr, shape, offsetBytes } = readNpyHeader(bytes);
  const characters = Number(TEXT.exec(descr)?.[1] ?? Number.NaN);
  if (Number.isNaN(characters)) return undefined;
  const count = elementCount(shape);
  requireLength(bytes, offsetBytes, count * characters * 4, `${descr} [${shape.join(', ')}]`);
  const raw = Buffer.from(bytes.read(offsetBytes, count * characters * 4));
  return Array.from({ length: count }, (_, i) => {
    const points = Array.from({ length: characters }, (_unused, j) => raw.readUInt32LE((i * characters + j) * 4));
    const end = points.findLastIndex((point) => point !== 0) + 1;
    return points
      .slice(0, end)
      .map((point) => (point > 0x10_ffff ? '\ufffd' : String.fromCodePoint(point)))
      .join('');
  });
}

function readNpyHeader(bytes: ByteSource): NpyHeader {
  const { path, lengthBytes } = bytes;
  if (lengthBytes < 12) throw broken(path, 'the array is too short', { found: `${lengthBytes} bytes` });
  const prefix = Buffer.from(bytes.read(0, 12));
  if (prefix.toString('latin1', 0, 6) !== NPY_MAGIC) {
    throw broken(path, 'the file does not begin as a .npy file does', { found: prefix.toString('hex', 0, 6) });
  }
  const major = prefix[6]!;
  if (major < 1 || major > 3) throw broken(path, 'the format version is unknown', { found: `${major}.${prefix[7]}` });
  const headerStart = major === 1 ? 10 : 12;
  const headerBytes = major === 1 ? prefix.readUInt16LE(8) : prefix.readUInt32LE(8);
  const offsetBytes = headerStart + headerBytes;
  if (headerBytes > HEADER_BYTES_MAX || offsetBytes > lengthBytes) {
    throw broken(path, 'the header is cut off', {
      found: `${lengthBytes} bytes`,
      wanted: `at least ${offsetBytes} bytes`,
    });
  }
  const text = Buffer.from(bytes.read(headerStart, headerBytes)).toString('latin1');
  return { ...parseDict(path, text), offsetBytes };
}

/** The header is a Python dict literal with exactly three keys, e.g. `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`. */
function parseDict(path: string, text: string): Omit<NpyHeader, 'offsetBytes'> {
  const descr = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  const order = /'fortran_order':\s*(True|False)/.exec(text)?.[1];
  const sides = /'shape':\s*\(([0-9,\s]*)\)/.exec(text)?.[1];
  if (descr === undefined || order === undefined || sides === undefined) {
    throw broken(path, 'the header is not a dict of descr, fortran_order and shape', {
      found: text.trim().slice(0, 120),
    });
  }
  const shape = sides
    .split(',')
    .map((side) => side.trim())
    .filter((side) => side !== '')
    .map(Number);
  return { descr, isColumnMajor: order === 'True', shape };
}

function requireLength(bytes: ByteSource, offsetBytes: number, lengthBytes: number, what: string): void {
  if (offsetBytes + lengthBytes === bytes.lengthBytes) return;
  throw broken(bytes.path, 'dtype and shape do not fit the size of the file', {
    found: `${bytes.lengthBytes} bytes`,
    wanted: `${offsetBytes} bytes of header + ${lengthBytes} bytes of ${what}`,
  });
}

function rangeOf(bytes: ByteSource, offsetBytes: number, lengthBytes: number): ByteSource {
  return { path: bytes.path, lengthBytes, read: (offset, length) => bytes.read(offsetBytes + offset, length) };
}

function broken(path: string, what: string, facts: Readonly<Record<string, string>>): InputError {
  return new InputError(`${path}: ${what}.`, {
    code: 'NPY_BROKEN',
    facts,
    hint: 'write the array again with numpy.save.',
  });
}
