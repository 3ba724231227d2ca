// Values in another order, planted one at a time in quantised variants: transposed, permuted in heads or groups, rows anywhere.
import { describe, expect, it } from 'vitest';
import { compareWeights } from './compare-weights.ts';
import { halvesBecomePairs, inverse } from './group-permutations.ts';
import { symmetric } from './honest-quantisation.fixture.ts';
import {
  type Change,
  diagnosesOf,
  isProjection,
  planted,
  reordered,
  sentenceOf,
  smallBase,
  variantOf,
} from './planted.fixture.ts';

const BASE = smallBase(1);
const INT4 = variantOf(BASE, isProjection, symmetric(4, 32));
const AWQ = [0, 2, 4, 6, 1, 3, 5, 7];
const LAYER = 'model.layers.0';

/** Row i of each group comes from `from[i]`. */
const rowGroups =
  (from: readonly number[]): Change =>
  (values, columns) =>
    reordered(values, columns, (row, column) => [row - (row % from.length) + from[row % from.length]!, column]);
const columnGroups =
  (from: readonly number[]): Change =>
  (values, columns) =>
    reordered(values, columns, (row, column) => [row, column - (column % from.length) + from[column % from.length]!]);

describe('another order', () => {
  it.each<[name: string, tensor: string, change: Change, kind: string, sentence: RegExp]>([
    [
      'a square matrix transposed',
      'self_attn.o_proj.weight',
      (v, c) => reordered(v, c, (r, k) => [k, r]),
      'transposed',
      /rows and columns exchanged/,
    ],
    [
      'a long matrix transposed',
      'mlp.gate_proj.weight',
      (v, c) => v.map((_, i) => v[(i % 384) * c + Math.floor(i / 384)]!),
      'transposed',
      /\[128, 384\] read as \[384, 128\]/,
    ],
    [
      "llama's heads",
      'self_attn.q_proj.weight',
      rowGroups(halvesBecomePairs(32)),
      'permutedHeads',
      /as llama\.cpp permutes/,
    ],
    [
      "llama's heads undone",
      'self_attn.k_proj.weight',
      rowGroups(inverse(halvesBecomePairs(32))),
      'permutedHeads',
      /undone/,
    ],
    [
      "a bias with llama's heads",
      'self_attn.k_proj.bias',
      columnGroups(halvesBecomePairs(32)),
      'permutedHeads',
      /its values are permuted in each head/,
    ],
    ['nibbles of AWQ', 'mlp.up_proj.weight', rowGroups(AWQ), 'permutedGroups', /its rows .* 0 2 4 6 1 3 5 7/],
    [
      'nibbles of AWQ undone twice',
      'mlp.up_proj.weight',
      rowGroups(inverse(AWQ)),
      'permutedGroups',
      /its rows .* 0 4 1 5 2 6 3 7/,
    ],
    [
      'columns in the order of AWQ',
      'mlp.down_proj.weight',
      columnGroups(AWQ),
      'permutedGroups',
      /its columns .* 0 2 4 6 1 3 5 7/,
    ],
    [
      'nibbles of a byte swapped',
      'mlp.down_proj.weight',
      columnGroups([1, 0]),
      'permutedGroups',
      /its columns are swapped in pairs/,
    ],
    [
      'halves of a block',
      'mlp.down_proj.weight',
      columnGroups(halvesBecomePairs(32)),
      'permutedGroups',
      /blocks of 32: halves/,
    ],
    [
      'rows anywhere',
      'mlp.gate_proj.weight',
      (v, c) => reordered(v, c, (r, k) => [(r * 5 + 3) % 384, k]),
      'permutedRows',
      /rows are permuted/,
    ],
    [
      'rows shifted',
      'mlp.gate_proj.weight',
      (v, c) => reordered(v, c, (r, k) => [(r + 1) % 384, k]),
      'permutedRows',
      /shifted by 1/,
    ],
    [
      'columns anywhere',
      'mlp.down_proj.weight',
      (v, c) => reordered(v, c, (r, k) => [r, (k * 5 + 3) % 384]),
      'permutedColumns',
      /columns are permuted/,
    ],
  ])('of %s is named', (_, end, change, kind, sentence) => {
    const name = `${LAYER}.${end}`;
    const comparison = compareWeights(BASE, planted(INT4, name, change));
    expect(diagnosesOf(comparison)).toEqual({ [name]: kind });
    expect(sentenceOf(comparison, end)).toMatch(sentence);
  });
});
