// Nothing is diagnosed where nothing is wrong: quantisations of many widths, roundings, adapters, folded scales.
import { describe, expect, it } from 'vitest';
import { compareWeights } from './compare-weights.ts';
import { asymmetric, floating, nf4, symmetric } from './honest-quantisation.fixture.ts';
import {
  type Change,
  diagnosesOf,
  isMatrixName,
  isProjection,
  noise,
  smallBase,
  type ValuesOptions,
  variantOf,
} from './planted.fixture.ts';

const BASE = smallBase(1);

describe('an honest quantisation', () => {
  it.each<[name: string, change: Change, options: ValuesOptions, sqnrMin: number]>([
    ['8 bits, groups of 32', symmetric(8, 32), { format: 'Q8_0', bits: 8.5 }, 44],
    ['8 bits, rows', symmetric(8, Infinity), { format: 'int8', bits: 8.1 }, 38],
    ['4 bits, groups of 32', symmetric(4, 32), { format: 'Q4_0', bits: 4.5 }, 18],
    ['4 bits, rows', symmetric(4, Infinity), { format: 'int4', bits: 4.1 }, 13],
    ['4 bits with zero points', asymmetric(4, 64), { format: 'GPTQ', bits: 4.3 }, 18],
    ['3 bits with zero points', asymmetric(3, 64), { format: 'GPTQ', bits: 3.3 }, 12],
    ['3 bits, rows', symmetric(3, Infinity), { format: 'int3', bits: 3.1 }, 6],
    ['2 bits with zero points', asymmetric(2, 16), { format: 'Q2_K', bits: 2.6 }, 6],
    ['2 bits, groups of 32', symmetric(2, 32), { format: 'int2', bits: 2.5 }, 1],
    ['2 bits, rows', symmetric(2, Infinity), { format: 'int2', bits: 2.1 }, 0],
    ['nf4', nf4, { format: 'nf4', bits: 4.25 }, 18],
    ['fp8 e4m3', floating(3), { format: 'fp8', bits: 8 }, 30],
    ['fp8 e5m2', floating(2), { format: 'fp8', bits: 8 }, 24],
    ['4 bits stored as BF16', symmetric(4, 128), { format: 'BF16', bits: 16 }, 15],
  ])('to %s has no fault', (_, change, options, sqnrMin) => {
    const comparison = compareWeights(BASE, variantOf(BASE, isMatrixName, change, options));
    expect(diagnosesOf(comparison)).toEqual({});
    expect(comparison.relation).toBe('quantised');
    const sqnrs = comparison.tensors.filter(({ state }) => state === 'differs').map(({ sqnrDb }) => sqnrDb!);
    expect(sqnrs).toHaveLength(9);
    expect(Math.min(...sqnrs)).toBeGreaterThan(sqnrMin);
  });
});

describe('what is no quantisation and no fault', () => {
  it('is a copy', () => {
    expect(compareWeights(BASE, BASE)).toMatchObject({
      relation: 'equal',
      headline: "all values of the 15 tensors equal the base's",
    });
  });

  it('is rounding to BF16', () => {
    const random = noise(1);
    const fine = variantOf(
      BASE,
      () => true,
      (values) => values.map((value) => value * (1 + 0.001 * random())),
    );
    const comparison = compareWeights(
      fine,
      variantOf(fine, () => true, floating(7), { format: 'BF16', bits: 16 }),
    );
    expect(diagnosesOf(comparison)).toEqual({});
    expect(comparison.relation).toBe('rounded');
    expect(comparison.tensors.every(({ state }) => state === 'rounded')).toBe(true);
  });

  it('is a merged adapter, whose targets are listed', () => {
    const random = noise(2);
    const lora: Change = (values, columns) => {
      const a = Array.from({ length: columns }, () => random());
      const b = Array.from({ length: values.length / columns }, () => random());
      return values.map((value, i) => value + 0.03 * a[i % columns]! * b[Math.floor(i / columns)]!);
    };
    const targets = ['model.layers.0.self_attn.q_proj.weight', 'model.layers.0.self_attn.v_proj.weight'];
    const comparison = compareWeights(
      BASE,
      variantOf(BASE, (name) => targets.includes(name), lora, { bits: 16 }),
    );
    expect(diagnosesOf(comparison)).toEqual({});
    expect(comparison.relation).toBe('partlyChanged');
    expect(comparison.headline).toMatch(/^2 of 15 tensors differ, the others are the base's, as with a merged adapter/);
    for (const target of targets) expect(comparison.headline).toContain(target);
  });

  it('are scales that AWQ folds into norms and neighbours', () => {
    const quantised = variantOf(
      variantOf(BASE, () => true, folded),
      isProjection,
      asymmetric(4, 64),
      { bits: 4.3 },
    );
    const comparison = compareWeights(BASE, quantised);
    expect(diagnosesOf(comparison)).toEqual({});
    expect(comparison.relation).toBe('quantised');
    expect(comparison.notes).toHaveLength(3);
    const gate = comparison.tensors.find(({ name }) => name.includes('gate_proj'))!;
    expect(gate.sqnrDb).toBeLessThan(6);
    expect(gate.sqnrUnfoldedDb).toBeGreaterThan(18);
  });

  it('are not scales that are folded into one side only', () => {
    const comparison = compareWeights(
      BASE,
      variantOf(BASE, isProjection, (values, columns, name) =>
        name.includes('down') ? folded(values, columns, name) : values,
      ),
    );
    expect(diagnosesOf(comparison)).toEqual({ 'model.layers.0.mlp.down_proj.weight': 'wrongScales' });
  });
});

/** Norm into q, k, v; norm into gate, up; up into down. */
function folded(values: Float32Array, columns: number, name: string): Float32Array {
  const scale = (i: number): number => 1 + (i % 7) / 2;
  return values.map((value, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    if (name.endsWith('layernorm.weight')) return value / scale(column);
    if (/(q|k|v|gate)_proj.weight/.test(name)) return value * scale(column);
    if (name.endsWith('up_proj.weight')) return (value * scale(column)) / scale(row);
    return name.endsWith('down_proj.weight') ? value * scale(column) : value;
  });
}
