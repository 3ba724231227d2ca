// The element types that checkpoints and recordings store, their sizes, and their exact widening to float32.
// Source: safetensors format description (dtype names); IEEE 754 binary16; bfloat16 as the high half of binary32.
// Exactness: widening is bit-exact, subnormals, infinities and NaN payloads included.
import { ShapeError, UnsupportedError } from '../errors.ts';

/** Bytes per element of every dtype that a safetensors header may name here. */
export const DTYPE_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  I64: 8,
  U64: 8,
  F64: 8,
} as const;

export type Dtype = keyof typeof DTYPE_BYTES;

/** The dtypes of weights and logits: those that widen to float32 without loss. */
export const FLOAT_DTYPES = ['BF16', 'F16', 'F32'] as const;
export type FloatDtype = (typeof FLOAT_DTYPES)[number];

export function isDtype(name: string): name is Dtype {
  return Object.hasOwn(DTYPE_BYTES, name);
}

export function isFloatDtype(name: string): name is FloatDtype {
  return (FLOAT_DTYPES as readonly string[]).includes(name);
}

/** Number of elements of a shape; 1 for a scalar's `[]`. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((count, side) => count * side, 1);
}

/** Float32 bit pattern of a binary16 pattern (exact). */
export function float32BitsFromF16(pattern: number): number {
  const sign = (pattern & 0x8000) << 16;
  const exponent = (pattern >>> 10) & 0x1f;
  const fraction = pattern & 0x3ff;
  if (exponent === 0x1f) return (sign | 0x7f80_0000 | (fraction << 13)) >>> 0;
  if (exponent !== 0) return (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0;
  if (fraction === 0) return sign >>> 0;
  // A subnormal fraction * 2^-24: its highest bit becomes the hidden one.
  const highestBit = 31 - Math.clz32(fraction);
  return (sign | ((highestBit + 103) << 23) | ((fraction << (23 - highestBit)) & 0x007f_ffff)) >>> 0;
}

/**
 * Widens little-endian elements to float32.
 *
 * @param dtype - BF16, F16 or F32.
 * @param bytes - elements without padding, at any byte offset of their buffer. Not modified.
 * @param target - [bytes.length / element size] float32, filled from its start.
 * @throws ShapeError if `target` has another number of elements.
 */
export function widenToFloat32(dtype: FloatDtype, bytes: Uint8Array, target: Float32Array): void {
  if (bytes.length !== target.length * DTYPE_BYTES[dtype]) {
    throw new ShapeError('widening: source and target have different lengths.', {
      code: 'DTYPE_LENGTH',
      facts: { source: `${bytes.length} bytes of ${dtype}`, target: `${target.length} elements` },
    });
  }
  if (dtype === 'F32') {
    new Uint8Array(target.buffer, target.byteOffset, target.byteLength).set(bytes);
    return;
  }
  const patterns = alignedUint16(bytes);
  const bits = new Uint32Array(target.buffer, target.byteOffset, target.length);
  if (dtype === 'BF16') {
    for (let i = 0; i < patterns.length; i++) bits[i] = patterns[i]! << 16;
  } else {
    for (let i = 0; i < patterns.length; i++) bits[i] = float32BitsFromF16(patterns[i]!);
  }
}

/**
 * Reads token ids or positions.
 *
 * @param dtype - I32 or I64 as stored.
 * @param bytes - little-endian elements without padding, at any byte offset.
 * @returns [n] int32.
 * @throws UnsupportedError for another dtype, ShapeError for an I64 value outside int32.
 */
export function int32FromBytes(dtype: Dtype, bytes: Uint8Array): Int32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (dtype === 'I32') return Int32Array.from({ length: bytes.length / 4 }, (_, i) => view.getInt32(4 * i, true));
  if (dtype !== 'I64') {
    throw new UnsupportedError('integers are read from I32 or I64.', {
      code: 'DTYPE_NOT_INTEGER',
      facts: { found: dtype },
    });
  }
  return Int32Array.from({ length: bytes.length / 8 }, (_, i) => {
    const value = view.getBigInt64(8 * i, true);
    if (BigInt.asIntN(32, value) !== value) {
      throw new ShapeError('a 64-bit integer does not fit into 32 bits.', {
        code: 'DTYPE_RANGE',
        facts: { element: i, found: String(value) },
      });
    }
    return Number(value);
  });
}

function alignedUint16(bytes: Uint8Array): Uint16Array {
  const source = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  return new Uint16Array(source.buffer, source.byteOffset, source.byteLength / 2);
}
