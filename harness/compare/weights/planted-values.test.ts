// Faults that a tensor's own values show, planted one at a time: each is named, at the right tensor, and nothing else is.
import { describe, expect, it } from 'vitest';
import { compareWeights } from './compare-weights.ts';
import { symmetric } from './honest-quantisation.fixture.ts';
import {
  type Change,
  diagnosesOf,
  isProjection,
  noise,
  planted,
  sentenceOf,
  smallBase,
  variantOf,
} from './planted.fixture.ts';

const BASE = smallBase(1);
const GATE = 'model.layers.0.mlp.gate_proj.weight';
const scaledRows =
  (first: number, end: number, factor: number): Change =>
  (values, columns) =>
    values.map((value, i) => (i >= first * columns && i < end * columns ? value * factor : value));

describe('a planted fault', () => {
  it.each<[name: string, tensor: string, change: Change, kind: string, sentence: RegExp]>([
    ['a scale', GATE, (v) => v.map((x) => 16 * x), 'wrongScale', /16 times the base/],
    [
      '127 for 128',
      GATE,
      (v) => symmetric(8, 32)(v, 128, '').map((x) => (x * 127) / 128),
      'wrongScale',
      /0\.99\d+ times/,
    ],
    ['a sign', GATE, (v) => v.map((x) => -x), 'wrongScale', /negated/],
    ['a lost bias', 'model.layers.0.self_attn.k_proj.bias', (v) => v.map(() => 0), 'lostBias', /bias is lost/],
    ['a tensor of zeros', GATE, (v) => v.map(() => 0), 'zeroed', /all of its values are zero/],
    ['a constant', GATE, (v) => v.map(() => 0.25), 'constant', /constant/],
    ['a NaN', GATE, (v) => v.map((x, i) => (i === 130 ? NaN : x)), 'notFinite', /1 of its values .* row 1, column 2$/],
    [
      'rows cut off',
      GATE,
      (v, c) => v.map((x, i) => (i < 370 * c ? x : 0)),
      'zeroedPart',
      /rows 370 to 383 \(core 3 of 4\) are all zero/,
    ],
    ['a dead column', GATE, (v, c) => v.map((x, i) => (i % c === 77 ? 0 : x)), 'zeroedPart', /column 77 is all zero/],
    [
      "a head's scale",
      'model.layers.0.self_attn.q_proj.weight',
      scaledRows(32, 64, 2),
      'wrongScales',
      /rows 32 to 63 \(core 0 of 4\) are 2 times/,
    ],
    ["a row's scale", GATE, scaledRows(5, 6, 0.5), 'wrongScales', /row 5 \(core 0 of 4\) is 0\.5 times/],
    [
      'scales of their own',
      GATE,
      (v, c) => v.map((x, i) => x * (1 + (Math.floor(i / c) % 5))),
      'wrongScales',
      /each of its rows is the base's times 1 to 5/,
    ],
  ])('of %s is named', (_, tensor, change, kind, sentence) => {
    const comparison = compareWeights(BASE, planted(BASE, tensor, change));
    expect(diagnosesOf(comparison)).toEqual({ [tensor]: kind });
    expect(sentenceOf(comparison, tensor)).toMatch(sentence);
    expect(comparison).toMatchObject({
      relation: 'faulty',
      headline: `1 of ${comparison.tensors.length} tensors is not what a quantisation makes of the base: ${tensor}`,
    });
  });
});

describe('a planted fault in a quantised variant', () => {
  const int4 = variantOf(BASE, isProjection, symmetric(4, 32));
  const withFault = (fault: Change) => compareWeights(BASE, planted(int4, GATE, fault));

  it('of a corrupted tile is named with its place and core', () => {
    const random = noise(7);
    const comparison = withFault((values, columns) =>
      values.map((value, i) => {
        const [row, column] = [Math.floor(i / columns), i % columns];
        return row >> 5 === 7 && column >> 5 === 2 ? 0.2 * random() : value;
      }),
    );
    expect(diagnosesOf(comparison)).toEqual({ [GATE]: 'wrongPart' });
    expect(sentenceOf(comparison, GATE)).toContain('the tile at K tile 2, N tile 7 (core 2 of 4) holds other values');
  });

  it('of the slice of a core is named with that core', () => {
    const random = noise(8);
    const comparison = withFault((v, c) => v.map((value, i) => (i >= 96 * c && i < 192 * c ? 0.2 * random() : value)));
    expect(sentenceOf(comparison, GATE)).toContain('rows 96 to 191 (core 1 of 4) hold other values');
  });

  it('of a zero point that is off by one is named', () => {
    const comparison = withFault((values) =>
      values.map((value, i) => {
        const group = values.subarray(i - (i % 32), i - (i % 32) + 32);
        const step = group.reduce((most, one) => Math.max(most, Math.abs(one)), 0) / 7;
        return value + step;
      }),
    );
    expect(diagnosesOf(comparison)).toEqual({ [GATE]: 'constantShift' });
  });

  it('of a scale beyond float16 is named twice', () => {
    const comparison = withFault((values) => values.map((value) => value * 2 ** 20));
    expect(diagnosesOf(comparison)).toEqual({ [GATE]: 'beyondFloat16 wrongScale' });
  });

  it('of a decoder that gives less than its bits is named', () => {
    const coarse = symmetric(3, 128);
    const comparison = compareWeights(
      BASE,
      variantOf(BASE, (name) => name === GATE, coarse, { format: 'Q8_0', bits: 8.5 }),
    );
    expect(diagnosesOf(comparison)).toEqual({ [GATE]: 'belowFormat' });
  });
});
