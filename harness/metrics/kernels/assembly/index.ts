// Entry of the metrics' kernels: passes over windows of rows, whole strips of them.
import { ACTUAL_EXPONENTIALS, GOLDEN_EXPONENTIALS, PAIR_SUMS_START, STRIP_SIZE, WINDOW_BYTES, WINDOWS_START } from '../layout';
import { addExponentials } from './exponentials';
import { fieldAt } from './lanes';
import { addControls, addMoments } from './moments';

export { scanRow } from './scan-row';

const GOLDEN: usize = WINDOWS_START;
const ACTUAL: usize = WINDOWS_START + WINDOW_BYTES;

/**
 * Adds a window of a pair to its sums.
 *
 * @param first - entry of the row with which the window begins. @param strips - that it has.
 * @param goldenMax - largest value of the whole row.
 * @param previousGolden - window of a control row, or of the pair's own row where there is none.
 */
export function measurePair(
  first: i32, strips: i32, goldenMean: f64, actualMean: f64, goldenMax: f64, actualMax: f64,
  previousGolden: usize, firstGolden: usize, previousActual: usize,
): void {
  const bytes = <usize>strips * (STRIP_SIZE << 2);
  addMoments(GOLDEN, ACTUAL, first, bytes, goldenMean, actualMean);
  addControls(GOLDEN, ACTUAL, bytes, goldenMean, actualMean, previousGolden, firstGolden, previousActual);
  addExponentials(GOLDEN, ACTUAL, bytes, goldenMax, fieldAt(PAIR_SUMS_START, GOLDEN_EXPONENTIALS));
  addExponentials(ACTUAL, GOLDEN, bytes, actualMax, fieldAt(PAIR_SUMS_START, ACTUAL_EXPONENTIALS));
}
