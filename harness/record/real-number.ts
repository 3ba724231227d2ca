// Numbers as JSON can hold them: NaN and the infinities are strings; floats with no more digits than they need.
import { z } from 'zod';
import { roundToDigits } from './significant-digits.ts';

/** A number in JSON: JSON has no NaN, so three values are strings. */
export type JsonNumber = number | 'NaN' | 'Infinity' | '-Infinity';

export const JsonNumberSchema: z.ZodType<JsonNumber, JsonNumber> = z.union([
  z.number(),
  z.enum(['NaN', 'Infinity', '-Infinity']),
]);

export function toJsonNumber(value: number): JsonNumber {
  return Number.isFinite(value) ? value : (String(value) as JsonNumber);
}

export function fromJsonNumber(value: JsonNumber): number {
  return Number(value);
}

/** A float64 in memory; in JSON a number or one of three strings. */
export const RealNumberSchema: z.ZodType<number, JsonNumber> = z.codec(
  JsonNumberSchema,
  z.custom<number>((value) => typeof value === 'number'),
  { decode: fromJsonNumber, encode: toJsonNumber },
);

/** Nine significant digits tell any two float32 apart. */
const FLOAT32_DIGITS = 9;

/** The shortest of the decimal numbers of 6 … 9 digits that is this float32 again when rounded to one. */
export function shortFloat32(value: number): JsonNumber {
  if (!Number.isFinite(value)) return toJsonNumber(value);
  for (let digits = 6; digits < FLOAT32_DIGITS; digits++) {
    const short = roundToDigits(value, digits);
    if (Math.fround(short) === value) return short;
  }
  return roundToDigits(value, FLOAT32_DIGITS);
}
