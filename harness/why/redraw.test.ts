// A redraw loses as much as the cache lost, elsewhere: same size of error, another sign, the same for one draw.
import { expect, it } from 'vitest';
import { openCheckpoint } from '../../src/checkpoint/weights.ts';
import { tinyCheckpoints } from '../sources/package-root.ts';
import { redraw } from './redraw.ts';

const { config: model } = openCheckpoint(tinyCheckpoints()[0]!);
const width = model.keyValueHeads * model.headDim;
const given = Float32Array.from({ length: 3 * width }, (_, i) => 1 + (i % 16) / 128);
const cached = given.map((value, i) => value + ((i % 3) - 1) / 64);

function drawn(draw: number): Float32Array {
  const keys = cached.slice();
  const see = redraw(draw, model, 3);
  see('layers.1.self_attn.k_rotated', given);
  see('layers.1.self_attn.k_cached', keys);
  return keys;
}

it('keeps the size of each error, changes about half of the signs, and draws the same for one number', () => {
  const keys = drawn(1);
  const flipped = keys.filter((value, i) => value !== cached[i]);
  const sizes = (values: Float32Array): Float32Array => values.map((value, i) => Math.abs(value - given[i]!));
  expect(sizes(keys)).toEqual(sizes(cached));
  const lossy = cached.filter((value, i) => value !== given[i]).length;
  expect(flipped.length / lossy).toBeGreaterThan(0.4);
  expect(flipped.length / lossy).toBeLessThan(0.6);
  expect(drawn(1)).toEqual(keys);
  expect(drawn(2)).not.toEqual(keys);
});

it('moves one value in eight of an embedding by its last bit, and nothing of other taps', () => {
  const rows = Float32Array.from({ length: 2 * model.hiddenSize }, (_, i) => (i % 2 === 0 ? 1 : -1));
  const hidden = rows.slice();
  redraw(1, model, 2)('embed_tokens.out', hidden);
  const moved = [...hidden].filter((value, i) => value !== rows[i]);
  expect(moved.length / rows.length).toBeGreaterThan(0.05);
  expect(moved.length / rows.length).toBeLessThan(0.2);
  expect(new Set(moved.map(Math.abs))).toEqual(new Set([1 + 2 ** -7]));
  const other = rows.slice();
  redraw(1, model, 2)('layers.0.mlp.out', other);
  expect(other).toEqual(rows);
});
