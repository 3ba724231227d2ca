// Rows, columns or tiles of a tensor that are wrong while the rest of it fits: a slice of a core, a head's scale, a dead channel.
import { residualOf } from './tensor-figures.ts';
import type { UnitSums } from './tensor-sums.ts';

export type UnitFault = 'zero' | 'scaled' | 'corrupted';

export interface WrongUnits {
  readonly fault: UnitFault;
  /** Ascending. */
  readonly units: readonly number[];
  /** Mean of their best gains. */
  readonly gain: number;
  /** Part of the tensor's error energy that lies in them. */
  readonly errorShare: number;
}

/** More units than this part are a matter of the whole tensor. */
const PART_MAX = 0.5;
/** A unit with less energy than this part of the median says nothing: it may have been rounded to zero by its neighbours' scale. */
const ENERGY_MIN = 0.1;
/** Relative error energy of the median unit, for the rest to fit. */
const REST_FITS_MAX = 0.5;
/** Relative error energies, and how far above the median one: a quantisation's differ by less, measured at 2 to 8 bits. */
const CORRUPTED_MIN = 0.5;
const CORRUPTED_TIMES_MEDIAN = 8;
const ZERO_TIMES_MEDIAN = 4;
const SCALED_TIMES_MEDIAN = 4;
/** Of the logarithm of a unit's gain, and the part of the error that may be left when it is taken out. */
const SCALED_LOG_MIN = Math.log(1.15);
const SCALED_RESIDUAL_MAX = 0.25;
/** Part of the energy that a gain may leave. */
const UNRELATED_MAX = 0.5;

/** The wrong units of the most frequent fault among them; undefined if none is, or if they are too many to be a part. */
export function wrongUnits(sums: UnitSums): WrongUnits | undefined {
  const { base, error } = sums;
  const alive = [...base.keys()].filter((unit) => base[unit]! > 0);
  if (alive.length < 2) return undefined;
  const energy = median(alive.map((unit) => base[unit]!));
  const typical = median(alive.map((unit) => error[unit]! / base[unit]!));
  const found: Record<UnitFault, number[]> = { zero: [], scaled: [], corrupted: [] };
  for (const unit of alive) {
    const fault = base[unit]! < ENERGY_MIN * energy ? undefined : faultOf(sums, unit, typical);
    if (fault !== undefined) found[fault].push(unit);
  }
  const [fault, units] = (Object.entries(found) as [UnitFault, number[]][]).sort(
    (a, b) => b[1].length - a[1].length,
  )[0]!;
  if (units.length === 0 || units.length > PART_MAX * alive.length) return undefined;
  const sum = (of: (unit: number) => number): number => units.reduce((total, unit) => total + of(unit), 0);
  const all = error.reduce((total, value) => total + value, 0);
  return {
    fault,
    units,
    gain: sum((unit) => sums.product[unit]! / base[unit]!) / units.length,
    errorShare: sum((unit) => error[unit]!) / all,
  };
}

function faultOf({ base, variant, product, error }: UnitSums, unit: number, typical: number): UnitFault | undefined {
  const b = base[unit]!;
  const relative = error[unit]! / b;
  if (typical > REST_FITS_MAX) return undefined;
  if (variant[unit] === 0) return typical * ZERO_TIMES_MEDIAN <= 1 ? 'zero' : undefined;
  const gain = product[unit]! / b;
  const isScaled =
    gain > 0 &&
    Math.abs(Math.log(gain)) > SCALED_LOG_MIN &&
    residualOf(b, variant[unit]!, product[unit]!) <=
      Math.min(SCALED_RESIDUAL_MAX * error[unit]!, UNRELATED_MAX * Math.max(b, variant[unit]!));
  if (isScaled && relative >= SCALED_TIMES_MEDIAN * typical) return 'scaled';
  return relative >= CORRUPTED_MIN && relative >= CORRUPTED_TIMES_MEDIAN * typical ? 'corrupted' : undefined;
}

export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[sorted.length >> 1] ?? 0;
}

/** `3`, `3 to 9`, or `3, 5, 8 … (12 in all)`. */
export function unitList(units: readonly number[]): string {
  const first = units[0]!;
  const last = units.at(-1)!;
  if (units.length === 1) return `${first}`;
  if (last - first === units.length - 1) return `${first} to ${last}`;
  const shown = units.slice(0, 4).join(', ');
  return units.length <= 4 ? shown : `${shown} … (${units.length} in all)`;
}
