// Rounding to digits by arithmetic gives the bits that the text gives.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { roundToDigits } from './significant-digits.ts';

/** Decimal numbers that lie on a border between two others, and their neighbours. */
const border = fc
  .tuple(fc.integer({ min: 1, max: 9_999_999_999 }), fc.integer({ min: -20, max: 12 }), fc.integer({ min: -2, max: 2 }))
  .map(([mantissa, exponent, steps]) => {
    const value = Number(`${mantissa}5e${exponent}`);
    return value + steps * Number.EPSILON * value;
  });
/** As device formats hand logits out: few bits, so that what is cut off is often exactly one half. */
const coarse = fc
  .tuple(fc.integer({ min: -(2 ** 16), max: 2 ** 16 }), fc.integer({ min: -24, max: 4 }))
  .map(([mantissa, exponent]) => mantissa * 2 ** exponent);
const power = fc
  .tuple(fc.integer({ min: -16, max: 12 }), fc.integer({ min: -3, max: 3 }))
  .map(([exponent, steps]) => Number(`1e${exponent}`) * (1 + steps * Number.EPSILON));

describe('roundToDigits', () => {
  it('is the number that toPrecision prints', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.double(),
          fc.double({ min: -100, max: 100 }),
          fc.float({ min: -100, max: 100 }),
          fc.float(),
          coarse,
          border,
          power,
        ),
        fc.boolean(),
        fc.integer({ min: 1, max: 9 }),
        (magnitude, isNegative, digits) => {
          const value = isNegative ? -magnitude : magnitude;
          expect(roundToDigits(value, digits)).toBe(Number(value.toPrecision(digits)));
        },
      ),
      { numRuns: 5_000 },
    );
  });

  it.each([
    { what: 'a half that a float32 has exactly', value: 3.828125, digits: 6 },
    { what: 'a half that only the text decides', value: 1.000_000_005, digits: 9 },
    { what: 'nines that carry', value: 0.099_999_999_97, digits: 9 },
  ])('rounds $what', ({ value, digits }) => {
    expect(roundToDigits(value, digits)).toBe(Number(value.toPrecision(digits)));
  });
});
