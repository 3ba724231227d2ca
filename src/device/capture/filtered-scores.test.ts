// Scores after top-k and top-p are told from logits, whole rows of nothing from both.
import { describe, expect, it } from 'vitest';
import { looksLikeScores } from './filtered-scores.ts';

const logits = Float32Array.from({ length: 200 }, (_, i) => i % 17);
const filtered = (kept: number, by = Number.NEGATIVE_INFINITY) => logits.map((value, i) => (i < kept ? value : by));

describe('looksLikeScores', () => {
  it.each([
    { name: 'top-k 20', row: filtered(20), scores: { kept: 20 } },
    { name: 'greedy', row: filtered(1), scores: { kept: 1 } },
    {
      name: "the least float32 in the filter's place",
      row: filtered(20, -3.4028234663852886e38),
      scores: { kept: 20 },
    },
    { name: 'the least bfloat16', row: filtered(20, -3.3895313892515355e38), scores: { kept: 20 } },
    { name: 'logits', row: logits, scores: undefined },
    { name: 'logits with a few forbidden tokens', row: filtered(190), scores: undefined },
    { name: 'a row of -Infinity', row: filtered(0), scores: undefined },
    { name: 'a row with NaN', row: filtered(20).map((value, i) => (i === 0 ? Number.NaN : value)), scores: undefined },
  ])('reads $name as $scores', ({ row, scores }) => {
    expect(looksLikeScores(row)).toEqual(scores);
  });
});
