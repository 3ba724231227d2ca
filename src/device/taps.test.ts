// Names and widths of the table of taps.
import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { allTaps, isTapName, requireTapName, residualTaps, tapsHelp, tapWidth } from './taps.ts';

/** No two widths alike: H 8, Q * D 15, K * D 5, F 40. */
const MODEL = { hiddenSize: 8, intermediateSize: 40, queryHeads: 3, keyValueHeads: 1, headDim: 5 };

describe('the table of taps', () => {
  it('has the width of each tap by what the model makes there, in order of computation', () => {
    expect(allTaps(1).map((tap) => [tap, tapWidth(tap, MODEL)])).toEqual([
      ['embed_tokens.out', 8],
      ['layers.0.input_layernorm.out', 8],
      ['layers.0.self_attn.q_proj.out', 15],
      ['layers.0.self_attn.k_proj.out', 5],
      ['layers.0.self_attn.v_proj.out', 5],
      ['layers.0.self_attn.q_rotated', 15],
      ['layers.0.self_attn.k_rotated', 5],
      ['layers.0.self_attn.k_cached', 5],
      ['layers.0.self_attn.v_cached', 5],
      ['layers.0.self_attn.o_proj.in', 15],
      ['layers.0.self_attn.out', 8],
      ['layers.0.post_attention_layernorm.in', 8],
      ['layers.0.post_attention_layernorm.out', 8],
      ['layers.0.mlp.gate_proj.out', 40],
      ['layers.0.mlp.up_proj.out', 40],
      ['layers.0.mlp.down_proj.in', 40],
      ['layers.0.mlp.out', 8],
      ['layers.0.out', 8],
      ['norm.out', 8],
    ]);
  });

  it('keeps the order of all taps in the residual ones', () => {
    const all = allTaps(3);
    expect(residualTaps(3)).toHaveLength(2 + 3 * 3);
    expect(all.filter((tap) => residualTaps(3).includes(tap))).toEqual(residualTaps(3));
  });

  it.each(allTaps(12))('knows %s by name', (tap) => {
    expect(isTapName(tap)).toBe(true);
  });

  it.each([
    '',
    'layers.0',
    'layers.0.',
    'layers.00.out',
    'layers.-1.out',
    'layers.0.toString',
    'toString',
    'out',
    'logits',
    'layers.0.norm.out',
    ' norm.out',
  ])('has no tap "%s"', (name) => {
    expect(isTapName(name)).toBe(false);
  });

  it.each([
    { found: 'layers.17.mlp', meant: 'layers.17.mlp.out' },
    { found: 'layers.3.self_attn.q_proj', meant: 'layers.3.self_attn.q_proj.out' },
    { found: 'layer.0.out', meant: 'layers.0.out' },
    { found: 'norm', meant: 'norm.out' },
  ])('refuses $found and means $meant', ({ found, meant }) => {
    expect(() => requireTapName(found)).toThrow(UsageError);
    expect(() => requireTapName(found)).toThrow(`hint: did you mean ${meant}?`);
    expect(isTapName(meant)).toBe(true);
  });

  it('is shown in the help tap by tap', () => {
    for (const tap of allTaps(1)) expect(tapsHelp()).toContain(`  ${tap.replace('layers.0', 'layers.N')}  `);
  });
});
