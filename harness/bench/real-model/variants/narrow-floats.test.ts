import { expect, it } from 'vitest';
import { float32FromBits } from '../../../../src/numerics/float-bits.ts';
import { float32BitsFromF16 } from '../../../../src/tensor/dtypes.ts';
import { FP8_E4M3_VALUES } from '../../../../src/tensor/fp8.ts';
import { E4M3, F16, narrowPattern, roundTiesEven } from './narrow-floats.ts';

const f16 = (pattern: number): number => float32FromBits(float32BitsFromF16(pattern));
const e4m3 = (pattern: number): number => FP8_E4M3_VALUES[pattern]!;

it.each([
  { name: 'float16', format: F16, decode: f16, largestPattern: 0x7bff },
  { name: 'E4M3', format: E4M3, decode: e4m3, largestPattern: 0x7e },
])('every $name is itself, and what lies between two goes to the nearer, ties to even', (row) => {
  const { format, decode, largestPattern } = row;
  const wrong: unknown[] = [];
  const hold = (value: number, wanted: number): void => {
    if (narrowPattern(value, format) !== wanted) wrong.push({ value, found: narrowPattern(value, format), wanted });
    if (value === 0) return;
    const negative = narrowPattern(-value, format);
    if (negative !== wanted + format.signBit) wrong.push({ value: -value, found: negative, wanted });
  };
  for (let pattern = 0; pattern <= largestPattern; pattern++) hold(decode(pattern), pattern);
  for (let pattern = 0; pattern < largestPattern; pattern++) {
    const [below, above] = [decode(pattern), decode(pattern + 1)];
    hold(below + 0.49 * (above - below), pattern);
    hold(below + 0.51 * (above - below), pattern + 1);
    hold((below + above) / 2, pattern + (pattern % 2));
  }
  hold(1e9, largestPattern);
  expect(wrong).toEqual([]);
});

it('rounds ties to even integers', () => {
  expect([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4, 2.6, -2.6].map((value) => roundTiesEven(value) + 0)).toEqual([
    -2, -2, 0, 0, 2, 2, 2, 3, -3,
  ]);
});
