// Arrays that lie in files, as ndarray views: shape and strides are turned at will, elements are read when a row is asked for.
import ndarray from 'ndarray';
import { readBytes } from '../../checkpoint/safetensors.ts';
import { InputError, InternalError } from '../../errors.ts';
import {
  DTYPE_BYTES,
  type Dtype,
  elementCount,
  float32BitsFromF16,
  isFloatDtype,
  widenToFloat32,
} from '../../tensor/dtypes.ts';

/** Bytes somewhere: a file, or a part of an archive that had to be inflated. */
export interface ByteSource {
  /** For messages. */
  readonly path: string;
  readonly lengthBytes: number;
  read(offsetBytes: number, lengthBytes: number): Uint8Array;
}

/** A range of a file; nothing of it is kept. */
export function fileRange(path: string, offsetBytes: number, lengthBytes: number): ByteSource {
  return { path, lengthBytes, read: (offset, length) => readBytes(path, offsetBytes + offset, length) };
}

export function memoryBytes(path: string, bytes: Uint8Array): ByteSource {
  return {
    path,
    lengthBytes: bytes.length,
    read: (offset, length) => bytes.subarray(offset, offset + length),
  };
}

/** The elements of one array, as ndarray storage. */
export class StoredElements implements ndarray.GenericArray<number> {
  readonly dtype: Dtype;
  readonly length: number;
  readonly #bytes: ByteSource;
  /** All bytes, once rows that are not contiguous were asked for. */
  #whole: Uint8Array | undefined;

  constructor(bytes: ByteSource, dtype: Dtype) {
    this.dtype = dtype;
    this.length = bytes.lengthBytes / DTYPE_BYTES[dtype];
    this.#bytes = bytes;
  }

  get path(): string {
    return this.#bytes.path;
  }

  /** One element; rows are read faster by `readFloats`. */
  get(index: number): number {
    const size = DTYPE_BYTES[this.dtype];
    return elementAt(this.dtype, this.#whole ?? this.#bytes.read(index * size, size), this.#whole ? index : 0);
  }

  set(): void {
    throw new InternalError('a recording is read, never written to.', { code: 'RECORDING_WRITE' });
  }

  /** The bytes of `count` elements from `first` on, `step` elements apart. */
  read(first: number, count: number, step: number): Uint8Array {
    const size = DTYPE_BYTES[this.dtype];
    if (step === 1 || count === 1) return this.#bytes.read(first * size, count * size);
    this.#whole ??= this.#bytes.read(0, this.#bytes.lengthBytes);
    const gathered = new Uint8Array(count * size);
    for (let i = 0; i < count; i++) {
      const from = (first + i * step) * size;
      for (let byte = 0; byte < size; byte++) gathered[i * size + byte] = this.#whole[from + byte]!;
    }
    return gathered;
  }

  /** The same bytes read as another type of the same size. */
  as(dtype: Dtype): StoredElements {
    return new StoredElements(this.#bytes, dtype);
  }
}

/** An array in a file; `pick`, `transpose`, `hi`, `lo` and `step` as in the ndarray package, no element is touched by them. */
export type StoredArray = ndarray.NdArray<StoredElements>;

/**
 * @param shape - a scalar's [] becomes [1].
 * @param isColumnMajor - the first axis is the one that runs fastest (Fortran order).
 */
export function storedArray(
  bytes: ByteSource,
  dtype: Dtype,
  shape: readonly number[],
  isColumnMajor = false,
): StoredArray {
  const elements = new StoredElements(bytes, dtype);
  if (shape.length === 0) return ndarray(elements, [1]);
  if (!isColumnMajor) return ndarray(elements, [...shape]);
  const strides = shape.map((_, axis) => elementCount(shape.slice(0, axis)));
  return ndarray(elements, [...shape], strides);
}

/** 16-bit integers are the bits of bfloat16: NumPy has no such type, so tools save it as uint16 or as void. */
export function bfloat16FromBits(array: StoredArray): StoredArray {
  return ndarray(array.data.as('BF16'), array.shape, array.stride, array.offset);
}

/** `BF16 [1, 40, 2048]` */
export function describeArray(array: StoredArray): string {
  return `${array.data.dtype} [${array.shape.join(', ')}]`;
}

/**
 * Reads a view of one axis.
 *
 * @param row - [n] view of BF16, F16 or F32, which are widened exactly, or of F64, which is rounded to the nearest float32.
 * @returns [n] float32, a new array.
 */
export function readFloats(row: StoredArray): Float32Array {
  const [count = 1] = row.shape;
  const values = new Float32Array(count);
  const { dtype } = row.data;
  const bytes = row.data.read(row.offset, count, row.stride[0] ?? 1);
  if (isFloatDtype(dtype)) {
    widenToFloat32(dtype, bytes, values);
    return values;
  }
  // F64: storing rounds to the nearest float32.
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < count; i++) values[i] = view.getFloat64(8 * i, true);
  return values;
}

/** A view of any shape, flattened row-major, as numbers. @throws InputError RECORDING_IDS for what int32 does not hold. */
export function readIntegers(array: StoredArray): Int32Array {
  const values = new Int32Array(array.size);
  let next = 0;
  const walk = (view: StoredArray): void => {
    if (view.dimension > 1) {
      const rest = view.shape.slice(1).map(() => null);
      for (let i = 0; i < view.shape[0]!; i++) walk(view.pick(i, ...rest));
      return;
    }
    const [count = 1] = view.shape;
    const bytes = view.data.read(view.offset, count, view.stride[0] ?? 1);
    for (let i = 0; i < count; i++) values[next++] = requireInt32(view, elementAt(view.data.dtype, bytes, i));
  };
  walk(array);
  return values;
}

function requireInt32(array: StoredArray, value: number): number {
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 31) return value;
  throw new InputError(`${array.data.path}: an integer does not fit into 32 bits.`, {
    code: 'RECORDING_IDS',
    facts: { found: `${value} in ${describeArray(array)}` },
    hint: 'token ids and positions are small non-negative integers; save the arrays that were really fed.',
  });
}

/** @returns element `index` of little-endian `bytes`. */
function elementAt(dtype: Dtype, bytes: Uint8Array, index: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset + index * DTYPE_BYTES[dtype], DTYPE_BYTES[dtype]);
  switch (dtype) {
    case 'BOOL':
    case 'U8':
      return view.getUint8(0);
    case 'I8':
      return view.getInt8(0);
    case 'I16':
      return view.getInt16(0, true);
    case 'U16':
      return view.getUint16(0, true);
    case 'I32':
      return view.getInt32(0, true);
    case 'U32':
      return view.getUint32(0, true);
    case 'I64':
      return Number(view.getBigInt64(0, true));
    case 'U64':
      return Number(view.getBigUint64(0, true));
    case 'F32':
      return view.getFloat32(0, true);
    case 'F64':
      return view.getFloat64(0, true);
    case 'BF16':
      return floatFromBits(view.getUint16(0, true) << 16);
    case 'F16':
      return floatFromBits(float32BitsFromF16(view.getUint16(0, true)));
    default:
      throw new InternalError('an element of this type has no number here.', {
        code: 'RECORDING_DTYPE',
        facts: { found: dtype },
      });
  }
}

const float32View = new Float32Array(1);
const bitsView = new Uint32Array(float32View.buffer);

function floatFromBits(bits: number): number {
  bitsView[0] = bits;
  return float32View[0]!;
}
