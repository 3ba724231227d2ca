// Mean, standard error and quantiles of a list of numbers; the statistics come from @stdlib/stats.
import dmean from '@stdlib/stats/strided/dmean/lib/dmean.js';
import dsem from '@stdlib/stats/strided/dsem/lib/dsem.js';

/** A sample in rising order. NaN must not be in it; infinities sort to the ends. */
export type SortedSample = Float64Array & { readonly sorted: true };

/** Sorts in place. */
export function sortSample(values: Float64Array): SortedSample {
  return values.sort() as SortedSample;
}

/**
 * Quantile by linear interpolation between order statistics (numpy's default, R's type 7).
 *
 * @param sample - at least one value.
 * @param share - 0 … 1; 0 is the least value, 1 the largest. Above -Infinity there is no way to interpolate: the lower of
 *   the two is taken.
 */
export function quantile(sample: SortedSample, share: number): number {
  const place = share * (sample.length - 1);
  const below = Math.floor(place);
  const low = sample[below]!;
  const high = sample[below + 1] ?? low;
  return place === below || low === high || low === Number.NEGATIVE_INFINITY
    ? low
    : low + (place - below) * (high - low);
}

/** Arithmetic mean of at least one value. */
export function mean(values: Float64Array): number {
  return dmean(values.length, values, 1);
}

/** Standard error of the mean, values taken as independent; null for fewer than two. */
export function standardError(values: Float64Array): number | null {
  return values.length < 2 ? null : dsem(values.length, 1, values, 1);
}
