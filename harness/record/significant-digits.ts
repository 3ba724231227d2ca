// A number rounded to significant decimal digits: what `toPrecision` prints, read as a number again, mostly without the text.

/** 10^0 … 10^22: each is a float64, as no higher power of ten is. */
const POWERS_OF_TEN = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

/** Up to it, a power of ten has at most 28 significant bits: times the 24 of a float32 it is a float64. */
const EXACT_EXPONENT = 12;

/** Half a unit in the last place of a float64 below 2^30, twice over: a product is nearer to its true value. */
const PRODUCT_ERROR = 2 ** -23;

/** Below it, powers of ten that are no float64 would be needed. */
const SMALLEST = 1e-13;

/**
 * `Number(value.toPrecision(digits))`, to the last bit; NaN and infinities stay.
 *
 * The number is scaled to one of `digits` digits before the point and rounded there; both that integer and the power of ten are float64, so
 * that their quotient is the float64 next to the decimal number. Where the scaling's own rounding could decide, and far from 1, the text does.
 *
 * @param digits - 1 … 9.
 */
export function roundToDigits(value: number, digits: number): number {
  const magnitude = Math.abs(value);
  const limit = POWERS_OF_TEN[digits]!;
  if (!(magnitude >= SMALLEST && magnitude < limit)) return Number(value.toPrecision(digits));
  let exponent = digits - 1;
  while (magnitude * POWERS_OF_TEN[exponent]! * 10 < limit) exponent++;
  while (magnitude * POWERS_OF_TEN[exponent]! >= limit) exponent--;
  const power = POWERS_OF_TEN[exponent]!;
  const scaled = magnitude * power;
  const whole = Math.floor(scaled);
  const distance = scaled - whole - 0.5;
  const isExact = exponent <= EXACT_EXPONENT && Math.fround(magnitude) === magnitude;
  if (!isExact && Math.abs(distance) <= PRODUCT_ERROR) return Number(value.toPrecision(digits));
  const rounded = (distance < 0 ? whole : whole + 1) / power;
  return value < 0 ? -rounded : rounded;
}
