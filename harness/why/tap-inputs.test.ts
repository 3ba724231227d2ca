// What stands between a tap and the recorded values before it: nothing, an operation, a layer, or the past of every layer before.
import { expect, it } from 'vitest';
import type { WhyTap } from './ops.ts';
import { type Span, spanOf } from './tap-inputs.ts';

const LAYERS = 3;
const spanWith = (tap: WhyTap, atToken: (tap: WhyTap) => boolean, everywhere = atToken): readonly WhyTap[] =>
  whole(tap, atToken, everywhere).taps;
const whole = (tap: WhyTap, atToken: (tap: WhyTap) => boolean, everywhere = atToken): Span =>
  spanOf(tap, LAYERS, (input, isEverywhere) => (isEverywhere ? everywhere : atToken)(input));
const isStream = (tap: WhyTap): boolean => /^(embed_tokens|layers\.\d+)\.out$/.test(tap);

it('is empty where every input is recorded, and one operation where one is missing', () => {
  expect(spanWith('layers.1.out', () => true)).toEqual([]);
  const without = (tap: WhyTap): boolean => tap !== 'layers.1.self_attn.q_proj.out';
  expect(spanWith('layers.1.self_attn.q_rotated', without)).toEqual(['layers.1.self_attn.q_proj.out']);
});

it('is a layer where its stream is recorded at every position', () => {
  const span = spanWith('layers.2.out', isStream);
  expect(span).toHaveLength(16);
  expect(span.every((tap) => tap.startsWith('layers.2.'))).toBe(true);
});

it('reaches back through every layer where the stream is recorded at the token alone: attention reads the past', () => {
  const span = spanWith('layers.2.out', isStream, () => false);
  expect(span).toContain('layers.0.self_attn.k_cached');
  expect(span).toContain('embed_tokens.out');
  expect(spanWith('norm.out', isStream, () => false)).toEqual([]);
  const reads = (tap: WhyTap, everywhere: typeof isStream): boolean =>
    whole(tap, isStream, everywhere).readsUnknownPast;
  expect([reads('layers.2.out', () => false), reads('norm.out', () => false)]).toEqual([true, false]);
  expect([reads('layers.2.out', isStream), reads('layers.0.out', () => false)]).toEqual([false, false]);
});
