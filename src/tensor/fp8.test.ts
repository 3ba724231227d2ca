// The table of E4M3 values against the corners of the specification and its own order.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FP8_E4M3_VALUES } from './fp8.ts';

describe('FP8_E4M3_VALUES', () => {
  it.each([
    { name: 'zero', pattern: 0x00, value: 0 },
    { name: 'minus zero', pattern: 0x80, value: -0 },
    { name: 'the smallest subnormal', pattern: 0x01, value: 2 ** -9 },
    { name: 'the largest subnormal', pattern: 0x07, value: 7 * 2 ** -9 },
    { name: 'the smallest normal', pattern: 0x08, value: 2 ** -6 },
    { name: 'one', pattern: 0x38, value: 1 },
    { name: 'the largest', pattern: 0x7e, value: 448 },
    { name: 'the most negative', pattern: 0xfe, value: -448 },
    { name: 'not a number', pattern: 0x7f, value: Number.NaN },
    { name: 'not a number with a sign', pattern: 0xff, value: Number.NaN },
  ])('has $name at its pattern', ({ pattern, value }) => {
    expect(FP8_E4M3_VALUES[pattern]).toBe(value);
  });

  it('is the table that torch.float8_e4m3fn widens to (2.13.0; NaN written as 1e9)', () => {
    const finite = FP8_E4M3_VALUES.map((value) => (Number.isNaN(value) ? 1e9 : value));
    const digest = createHash('sha256').update(new Uint8Array(finite.buffer)).digest('hex');
    expect(digest).toBe('ea788c2a434ffb9880005a14b519e592b5fdfc3597303bd707496d64d2d9d4d8');
  });

  it('rises with the pattern, and the sign bit negates', () => {
    expect(FP8_E4M3_VALUES).toHaveLength(256);
    for (let pattern = 1; pattern < 0x7f; pattern++) {
      expect(FP8_E4M3_VALUES[pattern]).toBeGreaterThan(FP8_E4M3_VALUES[pattern - 1]!);
      expect(FP8_E4M3_VALUES[pattern + 0x80]).toBe(-FP8_E4M3_VALUES[pattern]!);
    }
  });
});
