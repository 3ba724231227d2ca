// Widening to float32: exact for every bit pattern of both 16-bit formats.
import { describe, expect, it } from 'vitest';
import { ShapeError, UnsupportedError } from '../errors.ts';
import { DTYPE_BYTES, elementCount, float32BitsFromF16, int32FromBytes, isDtype, widenToFloat32 } from './dtypes.ts';

/** binary16 by its definition, in float64 (exact). */
function valueOfF16(pattern: number): number {
  const sign = pattern & 0x8000 ? -1 : 1;
  const exponent = (pattern >> 10) & 0x1f;
  const fraction = pattern & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

const allPatterns = Uint16Array.from({ length: 0x1_0000 }, (_, pattern) => pattern);
const allBytes = new Uint8Array(allPatterns.buffer);

describe('float32BitsFromF16', () => {
  it.each([
    { name: 'one', pattern: 0x3c00, bits: 0x3f80_0000 },
    { name: 'the smallest subnormal, 2^-24', pattern: 0x0001, bits: 0x3380_0000 },
    { name: 'the largest subnormal', pattern: 0x03ff, bits: 0x387f_c000 },
    { name: 'the largest number, -65504', pattern: 0xfbff, bits: 0xc77f_e000 },
    { name: 'negative zero', pattern: 0x8000, bits: 0x8000_0000 },
    { name: 'infinity', pattern: 0x7c00, bits: 0x7f80_0000 },
    { name: 'a NaN with its payload', pattern: 0x7e01, bits: 0x7fc0_2000 },
  ])('widens $name', ({ pattern, bits }) => {
    expect(float32BitsFromF16(pattern)).toBe(bits);
  });
});

describe('widenToFloat32', () => {
  it('widens all F16 patterns to the value of their definition', () => {
    const values = new Float32Array(0x1_0000);
    widenToFloat32('F16', allBytes, values);
    const wrong = allPatterns.filter((pattern) => !Object.is(values[pattern], valueOfF16(pattern)));
    expect([...wrong]).toEqual([]);
  });

  it('widens all BF16 patterns to the upper half of float32', () => {
    const values = new Float32Array(0x1_0000);
    widenToFloat32('BF16', allBytes, values);
    const bits = new Uint32Array(values.buffer);
    expect(bits.every((word, pattern) => word === pattern * 0x1_0000)).toBe(true);
  });

  it('keeps F32 bits and reads from odd byte offsets', () => {
    const bytes = Uint8Array.of(9, 0x01, 0x00, 0xc0, 0x7f, 0x80, 0x3f, 0x00, 0x40);
    const signalling = new Float32Array(1);
    widenToFloat32('F32', bytes.subarray(1, 5), signalling);
    expect(new Uint32Array(signalling.buffer)[0]).toBe(0x7fc0_0001);
    const pair = new Float32Array(2);
    widenToFloat32('BF16', bytes.subarray(5, 9), pair);
    expect([...pair]).toEqual([1, 2]);
  });

  it('refuses another number of elements', () => {
    expect(() => widenToFloat32('BF16', new Uint8Array(6), new Float32Array(2))).toThrow(ShapeError);
  });
});

describe('int32FromBytes', () => {
  it('reads I32 and I64 at any offset', () => {
    const bytes = Uint8Array.of(0, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
    expect([...int32FromBytes('I32', bytes.subarray(1, 5))]).toEqual([-2]);
    expect([...int32FromBytes('I64', bytes.subarray(1, 9))]).toEqual([-2]);
  });

  it('refuses floats and integers beyond 32 bits', () => {
    expect(() => int32FromBytes('F32', new Uint8Array(4))).toThrow(UnsupportedError);
    expect(() => int32FromBytes('I64', Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0))).toThrow(/4294967296/);
  });
});

describe('dtype tables', () => {
  it('know their own names only', () => {
    expect(isDtype('BF16')).toBe(true);
    expect(isDtype('toString')).toBe(false);
    expect(DTYPE_BYTES.F64).toBe(8);
  });

  it('count one element for a scalar and none for an empty side', () => {
    expect(elementCount([])).toBe(1);
    expect(elementCount([3, 0])).toBe(0);
  });
});
