// The largest values of a row so far, in memory; twin of addToTop in row-passes.ts.
import { ROW_SUMS_START, TOP_COUNT, TOP_FILLED, TOP_IDS, TOP_VALUES } from '../layout';
import { fieldAt } from './lanes';

/** Whether a value would be listed. */
// @ts-ignore: decorator
@inline
export function isListed(value: f32): bool {
  return load<f64>(fieldAt(ROW_SUMS_START, TOP_FILLED)) < TOP_COUNT || <f64>value > lastValue();
}

// @ts-ignore: decorator
@inline
function lastValue(): f64 {
  return load<f64>(fieldAt(ROW_SUMS_START, TOP_VALUES + TOP_COUNT - 1));
}

/** Adds entries at `from` … `to`, fours of float32. @param id - of the first. */
export function addToTop(from: usize, to: usize, id: i32): void {
  for (let at = from; at < to; at += 16, id += 4) {
    const isFull = load<f64>(fieldAt(ROW_SUMS_START, TOP_FILLED)) == TOP_COUNT;
    if (isFull && !v128.any_true(f32x4.gt(v128.load(at), f32x4.splat(<f32>lastValue())))) continue;
    for (let i = 0; i < 4; i++) {
      const value = load<f32>(at + (<usize>i << 2));
      if (isListed(value)) insert(value, id + i);
    }
  }
}

function insert(value: f64, id: i32): void {
  const filled = load<f64>(fieldAt(ROW_SUMS_START, TOP_FILLED));
  let place = min(<i32>filled, TOP_COUNT - 1);
  for (; place > 0; place--) {
    const before = load<f64>(fieldAt(ROW_SUMS_START, TOP_VALUES + place - 1));
    if (!(before < value)) break;
    store<f64>(fieldAt(ROW_SUMS_START, TOP_VALUES + place), before);
    store<f64>(fieldAt(ROW_SUMS_START, TOP_IDS + place), load<f64>(fieldAt(ROW_SUMS_START, TOP_IDS + place - 1)));
  }
  store<f64>(fieldAt(ROW_SUMS_START, TOP_VALUES + place), value);
  store<f64>(fieldAt(ROW_SUMS_START, TOP_IDS + place), <f64>id);
  store<f64>(fieldAt(ROW_SUMS_START, TOP_FILLED), min(filled + 1, <f64>TOP_COUNT));
}
