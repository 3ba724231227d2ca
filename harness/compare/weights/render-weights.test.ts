// What people and machines read of a comparison of weights: verdict first, faults in sentences, worst tensors, a schema that holds.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Chalk } from 'chalk';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { compareWeights } from './compare-weights.ts';
import { symmetric } from './honest-quantisation.fixture.ts';
import { isMatrixName, planted, smallBase, variantOf } from './planted.fixture.ts';
import { renderWeightComparison, TENSORS_SHOWN } from './render-weights.ts';
import { WeightComparisonSchema, weightComparisonJsonSchema } from './weight-schema.ts';

const chalk = new Chalk({ level: 0 });
const BASE = smallBase();
const INT4 = variantOf(BASE, isMatrixName, symmetric(4, 32), { format: 'Q4_0', bits: 4.5 });
const GATE = 'model.layers.1.mlp.gate_proj.weight';
const FAULTY = compareWeights(
  BASE,
  planted(INT4, GATE, (values) => values.map((value) => 2 * value)),
);

describe('renderWeightComparison', () => {
  it('begins with the verdict and names each fault in a sentence', () => {
    const [first, base, variant, fault] = renderWeightComparison(FAULTY, 'terminal', chalk).split('\n');
    expect(first).toBe(`1 of 39 tensors is not what a quantisation makes of the base: ${GATE}`);
    expect(base).toMatch(/^base tiny-qwen2: .* weights, 16\.00 bits each$/);
    expect(variant).toMatch(/^variant variant: .* bits each$/);
    expect(fault).toMatch(
      /^ {2}model\.layers\.1\.mlp\.gate_proj\.weight: wrong scale: it is 2 times the base, with a cosine of 0\.99\d+\.$/,
    );
  });

  it('shows the worst tensors with place, tile and core, and counts the rest', () => {
    const text = renderWeightComparison(FAULTY, 'terminal', chalk);
    const rows = text.split('\n').filter((line) => /^(model|lm_head)\S+ {2,}BF16/.test(line));
    expect(rows).toHaveLength(TENSORS_SHOWN);
    expect(rows[0]).toMatch(/gate_proj\.weight +BF16 -> F32 .*\(tile \d, \d+; core \d of 4\) .* wrong scale$/);
    expect(text).toContain('3 more tensors in the JSON');
    expect(text).toMatch(/16 tensors of 39 equal the base's\.$/);
  });

  it('has the same in Markdown', () => {
    const text = renderWeightComparison(FAULTY, 'markdown', chalk);
    expect(text).toMatch(/^# Weights of variant against tiny-qwen2\n\n1 of 39 tensors/);
    expect(text).toContain(
      '| tensor | stored as | SQNR dB | rel. L2 | max \\|error\\| | at | changed | diagnosis |\n|---|---|--:|',
    );
    expect(text.match(/^\| (model|lm).*\|$/gm)).toHaveLength(TENSORS_SHOWN);
  });

  it('says one line where everything is equal', () => {
    const text = renderWeightComparison(compareWeights(BASE, BASE), 'terminal', chalk);
    expect(text.split('\n')).toHaveLength(3);
    expect(text).toMatch(/^all values of the 39 tensors equal the base's\n/);
  });

  it('gives JSON that its schema takes, with all tensors, even of values that JSON has no number for', () => {
    const spoilt = compareWeights(
      BASE,
      planted(BASE, GATE, (values) => values.map(() => Number.NaN)),
    );
    for (const comparison of [FAULTY, spoilt]) {
      const parsed = JSON.parse(renderWeightComparison(comparison, 'json', chalk)) as unknown;
      expect(WeightComparisonSchema.parse(parsed)).toEqual(comparison);
    }
    expect(spoilt.tensors).toHaveLength(39);
  });

  it('keeps the committed schema (`npm run schemas` writes it anew)', () => {
    const file = join(import.meta.dirname, '../../../docs/schema/weights.schema.json');
    const committed = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    expect(committed).toEqual(JSON.parse(JSON.stringify(weightComparisonJsonSchema())));
    expect(z.fromJSONSchema(committed as never).safeParse(FAULTY).success).toBe(true);
  });
});
