// Tensors under another's name, heads and vocabularies of others, planted one at a time; and what is no variant at all.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorOf, FIXTURES } from '../../../src/checkpoint/checkpoint.fixture.ts';
import { readWholeTensor } from '../../../src/checkpoint/checkpoint-tensor.ts';
import { openCheckpoint } from '../../../src/checkpoint/weights.ts';
import { compareWeights } from './compare-weights.ts';
import { symmetric } from './honest-quantisation.fixture.ts';
import {
  diagnosesOf,
  isProjection,
  noise,
  planted,
  sentenceOf,
  smallBase,
  tensorOfValues,
  variantOf,
  withTensors,
} from './planted.fixture.ts';

const BASE = smallBase();
const INT4 = variantOf(BASE, isProjection, symmetric(4, 32));

/** The quantised variant, with tensors under other names. */
function renamed(names: Readonly<Record<string, string>>) {
  const moved = Object.entries(names).map(([to, from]) => [to, INT4.tensors.get(from)!] as const);
  return compareWeights(BASE, withTensors(INT4, Object.fromEntries(moved)));
}

describe('a tensor under another name', () => {
  it.each([
    ['gate and up', 'model.layers.1.mlp.gate_proj.weight', 'model.layers.1.mlp.up_proj.weight'],
    ['key and value', 'model.layers.0.self_attn.k_proj.weight', 'model.layers.0.self_attn.v_proj.weight'],
    ['two norms', 'model.layers.1.input_layernorm.weight', 'model.layers.1.post_attention_layernorm.weight'],
    ['one projection of two layers', 'model.layers.0.mlp.down_proj.weight', 'model.layers.2.mlp.down_proj.weight'],
  ])('is named when %s are swapped', (_, a, b) => {
    const comparison = renamed({ [a]: b, [b]: a });
    expect(diagnosesOf(comparison)).toEqual({ [a]: 'swapped', [b]: 'swapped' });
    expect(sentenceOf(comparison, a)).toContain(b);
  });

  it('is named when it stands there twice', () => {
    const comparison = renamed({ 'model.layers.1.mlp.up_proj.weight': 'model.layers.1.mlp.gate_proj.weight' });
    expect(diagnosesOf(comparison)).toEqual({ 'model.layers.1.mlp.up_proj.weight': 'holdsOther' });
  });

  it('is named when all layers are shifted', () => {
    const names = [...BASE.tensors.keys()].filter((name) => /layers\.[12]\./.test(name));
    const comparison = renamed(
      Object.fromEntries(names.map((name) => [name, name.replace(/layers\.(\d)/, (_, n) => `layers.${n - 1}`)])),
    );
    const found = diagnosesOf(comparison);
    expect(Object.keys(found).sort()).toEqual(names.sort());
    expect([...new Set(Object.values(found))]).toEqual(['shiftedLayers']);
    expect(sentenceOf(comparison, '1.mlp.up_proj.weight')).toContain(
      "shifted by 1 down: it holds the base's model.layers.0.mlp.up_proj.weight",
    );
  });
});

describe('a head', () => {
  const random = noise(3);
  const instruct = openCheckpoint(join(FIXTURES, 'tiny-qwen2-instruct'));
  const head = BASE.tensors.get('lm_head.weight')!;
  const otherHead = tensorOfValues(head, instruct.readRows('lm_head.weight', 0, 70), { bits: 16 });

  it('of nobody is named', () => {
    const comparison = compareWeights(
      BASE,
      planted(INT4, 'lm_head.weight', (v) => v.map(() => random())),
    );
    expect(diagnosesOf(comparison)).toEqual({ 'lm_head.weight': 'otherHead' });
    expect(sentenceOf(comparison, 'lm_head.weight')).toMatch(/another checkpoint: its cosine .* is -?0\.0/);
  });

  it('of a sister checkpoint is named where nothing else differs', () => {
    const comparison = compareWeights(BASE, withTensors(BASE, { 'lm_head.weight': otherHead }));
    expect(diagnosesOf(comparison)).toEqual({ 'lm_head.weight': 'otherHead' });
  });

  it('that is lost to the embedding is named', () => {
    const tensors = new Map([...BASE.tensors].filter(([name]) => name !== 'lm_head.weight'));
    const tied = { ...BASE, tensors, lmHeadName: 'model.embed_tokens.weight' };
    expect(diagnosesOf(compareWeights(BASE, tied))).toEqual({ 'lm_head.weight': 'tiedHead' });
    expect(diagnosesOf(compareWeights(tied, BASE))).toEqual({ 'lm_head.weight': 'untiedHead' });
    const twice = withTensors(tied, { 'lm_head.weight': tied.tensors.get('model.embed_tokens.weight')! });
    const comparison = compareWeights(tied, { ...twice, lmHeadName: 'lm_head.weight' });
    expect(comparison.relation).toBe('equal');
    expect(comparison.notes).toEqual([
      'The base ties its head to the embedding; the variant stores the same values once more.',
    ]);
  });

  it('with another vocabulary is said, and compared as far as it goes', () => {
    const cut = tensorOfValues(head, readWholeTensor(head).subarray(0, 50 * 128), { shape: [50, 128] });
    const comparison = compareWeights(BASE, withTensors(BASE, { 'lm_head.weight': cut }));
    expect(diagnosesOf(comparison)).toEqual({ 'lm_head.weight': 'vocabulary' });
    expect(sentenceOf(comparison, 'lm_head.weight')).toContain('cut from 70 rows to 50');
  });
});

describe('what is no variant', () => {
  it('is refused by the tensors that have other shapes', () => {
    const name = 'model.layers.0.mlp.up_proj.weight';
    const other = tensorOfValues(BASE.tensors.get(name)!, new Float32Array(64 * 128), { shape: [64, 128] });
    expect(errorOf(() => compareWeights(BASE, withTensors(BASE, { [name]: other })))).toMatchObject({
      code: 'COMPARE_SHAPES',
      facts: { [name]: '[384, 128] in the base, [64, 128] in the variant' },
    });
    expect(errorOf(() => compareWeights(BASE, smallBase(2))).facts).toHaveProperty([
      'model.layers.2.mlp.up_proj.weight',
    ]);
  });

  it("is said if no norm is the base's", () => {
    const comparison = compareWeights(
      BASE,
      variantOf(
        BASE,
        (name) => name.endsWith('norm.weight'),
        (v) => v.map((x) => x * 1.1),
      ),
    );
    expect(comparison.relation).toBe('notAVariant');
    expect(comparison.headline).toContain('is not a variant of tiny-qwen2: none of its 7 norms');
  });
});
