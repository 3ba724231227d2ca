// Holm's adjustment of p-values for a family of comparisons; the arithmetic is that of @stdlib/stats.
import padjust from '@stdlib/stats/padjust/lib/index.js';

/**
 * Adjusted p-values, in the order given: those at most alpha may be called different, and the chance of one false call among all is at
 * most alpha.
 *
 * @param pValues - one a comparison, 0 … 1.
 */
export function holm(pValues: readonly number[]): number[] {
  return pValues.length === 0 ? [] : padjust(pValues, 'holm');
}
