// Small arithmetic on a row that faults need.

/** Ids of the largest values, best first, the lowest id among equals; NaN is never among them. */
export function bestIds(logits: Float32Array, count: number): number[] {
  const best: number[] = [];
  for (let id = 0; id < logits.length; id++) {
    const value = logits[id]!;
    if (Number.isNaN(value) || (best.length === count && !(value > logits[best.at(-1)!]!))) continue;
    let place = best.length;
    while (place > 0 && value > logits[best[place - 1]!]!) place--;
    best.splice(place, 0, id);
    if (best.length > count) best.pop();
  }
  return best;
}

/** Of all values, population. */
export function standardDeviation(logits: Float32Array): number {
  let sum = 0;
  for (const value of logits) sum += value;
  const mean = sum / logits.length;
  let squares = 0;
  for (const value of logits) squares += (value - mean) ** 2;
  return Math.sqrt(squares / logits.length);
}
