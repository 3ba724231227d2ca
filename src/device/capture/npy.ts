// The header of a NumPy .npy file: where its elements lie and what they are.
// Source: numpy.lib.format, versions 1.0, 2.0 and 3.0.
import { statSync } from 'node:fs';
import { readBytes, type TensorEntry } from '../../checkpoint/safetensors.ts';
import { InputError, UnsupportedError } from '../../errors.ts';
import { DTYPE_BYTES, type Dtype, elementCount } from '../../tensor/dtypes.ts';

const MAGIC = '\x93NUMPY';
const DTYPE_OF: Readonly<Record<string, Dtype>> = { '<f4': 'F32', '<f2': 'F16', '<i4': 'I32', '<i8': 'I64' };
const HEADER_BYTES_MAX = 1 << 20;

/**
 * Reads a header and checks it against the file's size.
 *
 * @returns dtype, shape and place of the elements, C order, little-endian.
 * @throws InputError for a file that is no .npy or is cut off; UnsupportedError for another dtype or Fortran order.
 */
export function readNpyHeader(path: string): TensorEntry {
  const fileBytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (fileBytes < 12) throw broken(path, 'the file is missing or too short', { found: `${fileBytes} bytes` });
  const prefix = Buffer.from(readBytes(path, 0, 12));
  if (prefix.toString('latin1', 0, 6) !== MAGIC) {
    throw broken(path, 'the file does not begin as a .npy file does', { found: prefix.toString('hex', 0, 6) });
  }
  const major = prefix[6]!;
  if (major < 1 || major > 3) throw broken(path, 'the format version is unknown', { found: `${major}.${prefix[7]}` });
  const headerStart = major === 1 ? 10 : 12;
  const headerBytes = major === 1 ? prefix.readUInt16LE(8) : prefix.readUInt32LE(8);
  const offsetBytes = headerStart + headerBytes;
  if (headerBytes > HEADER_BYTES_MAX || offsetBytes > fileBytes) {
    throw broken(path, 'the header is cut off', {
      found: `${fileBytes} bytes`,
      wanted: `at least ${offsetBytes} bytes`,
    });
  }
  const { dtype, shape } = parseDict(path, Buffer.from(readBytes(path, headerStart, headerBytes)).toString('latin1'));
  const lengthBytes = elementCount(shape) * DTYPE_BYTES[dtype];
  if (offsetBytes + lengthBytes !== fileBytes) {
    throw broken(path, 'dtype and shape do not fit the size of the file', {
      found: `${fileBytes} bytes`,
      wanted: `${offsetBytes} bytes of header + ${lengthBytes} bytes of ${dtype} [${shape.join(', ')}]`,
    });
  }
  return { dtype, shape, offsetBytes, lengthBytes };
}

/** The header is a Python dict literal with exactly three keys, e.g. `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`. */
function parseDict(path: string, text: string): { dtype: Dtype; shape: number[] } {
  const descr = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  const order = /'fortran_order':\s*(True|False)/.exec(text)?.[1];
  const sides = /'shape':\s*\(([0-9,\s]*)\)/.exec(text)?.[1];
  if (descr === undefined || order === undefined || sides === undefined) {
    throw broken(path, 'the header is not a dict of descr, fortran_order and shape', {
      found: text.trim().slice(0, 120),
    });
  }
  const dtype = DTYPE_OF[descr];
  if (dtype === undefined || order === 'True') {
    throw new UnsupportedError(`${path}: arrays are read in C order and little-endian.`, {
      code: 'NPY_UNSUPPORTED',
      facts: { found: `${descr}, fortran_order ${order}`, wanted: Object.keys(DTYPE_OF).join(', ') },
      hint: "save it with numpy.save(path, numpy.ascontiguousarray(array, dtype='<f4'))",
    });
  }
  const shape = sides
    .split(',')
    .map((side) => side.trim())
    .filter((side) => side !== '')
    .map(Number);
  return { dtype, shape };
}

function broken(path: string, what: string, facts: Readonly<Record<string, string>>): InputError {
  return new InputError(`${path}: ${what}.`, { code: 'NPY_BROKEN', facts });
}
