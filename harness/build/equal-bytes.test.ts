// Typed arrays compared by their bytes: equal ones at once, all others as vitest does.
import { describe, expect, it } from 'vitest';
import { haveEqualBytes } from './equal-bytes.ts';

const NAN = Float32Array.of(Number.NaN);
const OTHER_NAN = new Float32Array(Uint32Array.of(0x7fc0_1234).buffer);

describe('typed arrays', () => {
  it('of equal bytes are equal, wherever these lie', () => {
    const place = new Float32Array([0, 1.5, -2]);
    expect(haveEqualBytes(place.subarray(1), Float32Array.of(1.5, -2))).toBe(true);
    expect(haveEqualBytes(new Float32Array(0), new Float32Array(0))).toBe(true);
    expect({ rows: [place.subarray(1)] }).toEqual({ rows: [Float32Array.of(1.5, -2)] });
  });

  it.each([
    { what: 'another value', a: Float32Array.of(1, 2), b: Float32Array.of(1, 3) },
    { what: 'another length', a: Float32Array.of(1, 2), b: Float32Array.of(1) },
    { what: 'another sign of zero', a: Float32Array.of(0), b: Float32Array.of(-0) },
    { what: 'another type of the same bytes', a: Uint8Array.of(1), b: Int8Array.of(1) },
    { what: 'a Buffer of the same bytes', a: Uint8Array.of(1), b: Buffer.of(1) },
    { what: 'an array of the same numbers', a: Uint8Array.of(1), b: [1] },
  ])('of $what are left to vitest, to which they differ', ({ a, b }) => {
    expect(haveEqualBytes(a, b)).toBeUndefined();
    expect(a).not.toEqual(b);
    expect({ a }).not.toStrictEqual({ a: b });
  });

  it('of other NaNs are left to vitest, to which they are equal', () => {
    expect(haveEqualBytes(NAN, OTHER_NAN)).toBeUndefined();
    expect(NAN).toEqual(OTHER_NAN);
  });

  it('are compared so in every test: a million numbers by the bytes alone', () => {
    const long = new Float64Array(1_000_000);
    let isRead = false;
    // What goes through the numbers one by one asks for this.
    Object.defineProperty(long, Symbol.iterator, {
      value: () => {
        isRead = true;
        return [][Symbol.iterator]();
      },
    });
    expect(long).toEqual(new Float64Array(1_000_000));
    expect(isRead).toBe(false);
  });
});
