// The packer: specials, both Dst widths, and block formats over rows.
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../errors.ts';
import { isBf16Nan } from '../../numerics/bf16.ts';
import {
  packBf16,
  packBf16FromFloat32Bits,
  packFloat32RowToBf16,
  packRowsToBlockFloat,
  packRowToBf16,
} from './packer.ts';

describe('packBf16', () => {
  it('keeps every normal pattern, makes NaN infinite, and denormals and minus zero plus zero', () => {
    for (let pattern = 0; pattern <= 0xffff; pattern++) {
      const isZeroOrDenormal = (pattern & 0x7f80) === 0;
      const golden = isZeroOrDenormal ? 0 : isBf16Nan(pattern) ? (pattern & 0x8000) | 0x7f80 : pattern;
      if (packBf16(pattern) !== golden) expect.fail(`pattern 0x${pattern.toString(16)}`);
    }
  });

  it('rounds a 32-bit Dst to nearest, ties away', () => {
    expect(packBf16FromFloat32Bits(0x3f80_8000)).toBe(0x3f81);
    expect(packBf16FromFloat32Bits(0xbf80_7fff)).toBe(0xbf80);
    expect(packBf16FromFloat32Bits(0x8000_0001)).toBe(0);
  });

  it('packs whole rows of either Dst width in place', () => {
    const dst16 = Float32Array.of(1.5, -0, Number.NaN);
    packRowToBf16(dst16);
    expect([...dst16]).toEqual([1.5, 0, Number.POSITIVE_INFINITY]);
    const dst32 = Float32Array.of(1 + 2 ** -8, -0);
    packFloat32RowToBf16(dst32);
    expect([...dst32]).toEqual([1 + 2 ** -7, 0]);
  });
});

describe('packRowsToBlockFloat', () => {
  const group = (...head: number[]) => {
    const values = new Float32Array(16);
    values.set(head);
    return values;
  };

  it('shows the double rounding of A.4 in the values read back', () => {
    const twice = group(2, 1.0078125, 1.0390625);
    packRowsToBlockFloat(twice, { format: 'BFP8_B', doubleRound: true });
    expect([...twice.subarray(0, 3)]).toEqual([2, 1.03125, 1.0625]);
    const once = group(2, 1.0078125, 1.0390625);
    packRowsToBlockFloat(once, { format: 'BFP8_B', doubleRound: false });
    expect([...once.subarray(0, 3)]).toEqual([2, 1, 1.03125]);
  });

  it('cuts a 32-bit Dst to bfloat16 first', () => {
    const values = group(2, 1 + 2 ** -6 - 2 ** -20);
    packRowsToBlockFloat(values, { format: 'BFP8_B', doubleRound: false });
    expect(values[1]).toBe(1);
  });

  it('keeps three magnitude bits for BFP4_B', () => {
    const values = group(4, -3.9, 0.9, 0.4);
    packRowsToBlockFloat(values, { format: 'BFP4_B', doubleRound: true });
    expect([...values.subarray(0, 4)]).toEqual([4, -3, 0, 0]);
  });

  it('refuses rows that are not whole groups', () => {
    expect(() => packRowsToBlockFloat(new Float32Array(17), { format: 'BFP8_B', doubleRound: true })).toThrow(
      ShapeError,
    );
  });
});
