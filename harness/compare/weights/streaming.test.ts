// Rows read a few at a time give what the whole tensor gives, and what plain arithmetic gives; places are those of tile and core.
import { describe, expect, it } from 'vitest';
import { sidesOf } from '../../../src/checkpoint/checkpoint-tensor.ts';
import { tilesAcross } from '../../../src/tensor/tile-layout.ts';
import { matrixView } from '../../../src/tensor/views.ts';
import { compareWeights } from './compare-weights.ts';
import { symmetric } from './honest-quantisation.fixture.ts';
import { isMatrixName, noise, planted, smallBase, tensorOfValues, variantOf } from './planted.fixture.ts';
import { figuresOf } from './tensor-figures.ts';
import { createPair } from './tensor-pair.ts';
import { sumTensor } from './tensor-sums.ts';
import { tilesOfRows } from './tile-views.ts';

const BASE = smallBase(1);
const ODD = { rows: 77, columns: 45 };

function oddPair() {
  const random = noise(5);
  const like = BASE.tensors.get('model.layers.0.mlp.up_proj.weight')!;
  const shape = [ODD.rows, ODD.columns];
  const base = Float32Array.from({ length: 77 * 45 }, random);
  const variant = base.map((value, i) => (i % 3 === 0 ? value : Math.fround(value + 0.1 * random())));
  const readRows: number[] = [];
  const tensor = tensorOfValues(like, variant, { shape });
  const watched = {
    ...tensor,
    decodeRows(first: number, out: Float32Array) {
      readRows.push(out.length);
      tensor.decodeRows(first, out);
    },
  };
  return { base, variant, readRows, pair: createPair('odd', tensorOfValues(like, base, { shape }), watched) };
}

describe('sumTensor', () => {
  it('gives the same sums however many rows it reads at once, and never more', () => {
    const { pair, readRows } = oddPair();
    const whole = sumTensor(pair);
    expect(readRows.splice(0)).toEqual([77 * 45]);
    expect(sumTensor(pair, 1)).toEqual(whole);
    expect(readRows).toEqual([32 * 45, 32 * 45, 13 * 45]);
  });

  it('gives the sums of plain arithmetic for sides that are no multiple of a tile', () => {
    const { pair, base, variant } = oddPair();
    const sums = sumTensor(pair, 1);
    const figures = figuresOf(sums);
    let error = 0;
    let signal = 0;
    const errors = base.map((value, i) => variant[i]! - value);
    for (const [i, value] of base.entries()) {
      error += (variant[i]! - value) ** 2;
      signal += value ** 2;
    }
    expect(figures.sqnrDb).toBeCloseTo(10 * Math.log10(signal / error), 9);
    expect(figures.changedShare).toBe(errors.filter((e) => e !== 0).length / errors.length);
    const column = (k: number): number =>
      Array.from({ length: 77 }, (_, n) => base[n * 45 + k]! ** 2).reduce((a, b) => a + b);
    expect(sums.columns.base[44]).toBeCloseTo(column(44), 9);
    expect(sums.tiles.base).toHaveLength(tilesAcross(77) * tilesAcross(45));
    expect(sums.tiles.base.reduce((a, b) => a + b)).toBeCloseTo(signal, 9);
    const largest = errors.reduce((best, e, i) => (Math.abs(e) > Math.abs(errors[best]!) ? i : best), 0);
    expect(sums.largest).toMatchObject({ row: Math.floor(largest / 45), column: largest % 45 });
  });
});

describe('tilesOfRows', () => {
  it('views rows [N, K] as tiles of the matrix [K, N], without a copy', () => {
    const values = Float32Array.from({ length: 77 * 45 }, (_, i) => i);
    const tiles = [...tilesOfRows(matrixView(values, 77, 45))];
    expect(tiles.map(({ view }) => view.shape)).toEqual([
      [32, 32],
      [13, 32],
      [32, 32],
      [13, 32],
      [32, 13],
      [13, 13],
    ]);
    const { view, firstRow, firstColumn } = tiles[3]!;
    expect([firstRow, firstColumn]).toEqual([32, 32]);
    expect(view.get(2, 5)).toBe((32 + 5) * 45 + 32 + 2);
    expect(view.data).toBe(values);
  });
});

describe('compareWeights', () => {
  const variant = variantOf(BASE, isMatrixName, symmetric(4, 32));

  it('gives the same for any number of elements read at once', () => {
    expect(compareWeights(BASE, variant, { elementsAtOnce: 1 })).toEqual(compareWeights(BASE, variant));
  });

  it('shows its progress', () => {
    const seen: string[] = [];
    compareWeights(BASE, variant, { onTensor: (done, all, name) => seen.push(`${done} of ${all}: ${name}`) });
    expect(seen[0]).toBe('0 of 15: model.embed_tokens.weight');
    expect(seen).toHaveLength(15);
  });

  it('places the largest error in the tile of the transposed matrix and its core', () => {
    const end = 'mlp.down_proj.weight';
    const comparison = compareWeights(
      BASE,
      planted(BASE, end, (v, c) => v.map((x, i) => (i === 101 * c + 70 ? x + 9 : x))),
    );
    const [tensor] = comparison.tensors.filter(({ state }) => state !== 'equal');
    expect(tensor).toMatchObject({ name: `model.layers.0.${end}`, changedShare: 1 / (128 * 384) });
    expect(tensor!.largestError).toMatchObject({ row: 101, column: 70, tile: { k: 2, n: 3 }, core: { core: 3 } });
    const embedding = compareWeights(
      BASE,
      planted(BASE, 'embed_tokens.weight', (v) => v.map((x, i) => (i === 0 ? 1 : x))),
    );
    expect(embedding.tensors[0]!.largestError).toMatchObject({ tile: null, core: null });
  });

  it('counts bits and bytes as the files have them', () => {
    const comparison = compareWeights(
      BASE,
      variantOf(BASE, isMatrixName, symmetric(4, 32), { format: 'Q4_0', bits: 4.5 }),
    );
    const gate = comparison.tensors.find(({ name }) => name.includes('gate'))!;
    expect(gate).toMatchObject({
      storedAs: { base: 'BF16', variant: 'Q4_0' },
      bytes: { variant: (384 * 128 * 4.5) / 8 },
    });
    expect(gate.bitsPerWeight.variant).toBe(4.5);
    expect(comparison.base.bitsPerWeight).toBe(16);
    const [rows, columns] = sidesOf(BASE.tensors.get(gate.name)!);
    expect([...gate.shape]).toEqual([rows, columns]);
  });
});
