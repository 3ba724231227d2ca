// A sample that Python can write too: eight prompts, 44 differences by a formula.
import type { PairedSample } from './paired-sample.ts';

const LENGTHS: readonly number[] = [5, 3, 8, 2, 6, 4, 7, 9];

/** Differences ((37 i + 11) mod 101 - 46) / 1000. */
export function pairedExample(): PairedSample {
  return {
    lengths: LENGTHS,
    differences: Float64Array.from({ length: 44 }, (_, i) => (((37 * i + 11) % 101) - 46) / 1000),
  };
}

/** The means of its prompts as eight prompts of a token each: units of one length. */
export function evenExample(): PairedSample {
  const { differences } = pairedExample();
  let start = 0;
  const means = LENGTHS.map((length) => {
    const sum = differences.subarray(start, start + length).reduce((total, difference) => total + difference, 0);
    start += length;
    return sum / length;
  });
  return { lengths: means.map(() => 1), differences: Float64Array.from(means) };
}
