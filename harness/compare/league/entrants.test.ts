// The entrants of a spec: who is the base, which variants are whose Q, D and T, and names that are told apart.
import { describe, expect, it } from 'vitest';
import type { CaseSpec, VariantSpec } from '../../record/run-spec.ts';
import { entrantsOf } from './entrants.ts';

const N150 = { kind: 'n150', knobs: { kvFormat: 'BFP8_B' } } as const;
const ONNX = { kind: 'onnx', precision: 'fp32' } as const;
const CAPTURE = { kind: 'capture', recording: 'rows.npy', logitsFormat: null } as const;
const variant = (name: string, device: VariantSpec['device'], model = 'base', golden?: string): VariantSpec => {
  return { name, model, device, ...(golden === undefined ? {} : { golden }) };
};
/** As `compare` plans a checkpoint: Q, T, D. */
const checkpoint = (model: string, suffix = ''): VariantSpec[] => [
  variant(`onnx@${model}${suffix}`, ONNX, model),
  variant(`n150@${model}${suffix}`, N150, model),
  variant(`n150@${model} against onnx@${model}${suffix}`, N150, model, `onnx@${model}${suffix}`),
];
const entrants = (...variants: VariantSpec[]) =>
  entrantsOf({
    name: 'general',
    model: 'base',
    reference: { kind: 'onnx', precision: 'fp32' },
    tokenizerSha256: '0',
    eosTokenIds: [],
    prompts: [],
    variants,
  } satisfies CaseSpec);

describe('entrantsOf', () => {
  it('takes the first device for the base, and reads Q, D and T of a checkpoint', () => {
    expect(entrants(variant('n150', N150), ...checkpoint('q4'))).toEqual([
      { label: 'base', model: 'base', isBase: true, checkpoint: undefined, device: 'n150', total: 'n150', knobs: N150 },
      {
        label: 'q4',
        model: 'q4',
        isBase: false,
        checkpoint: 'onnx@q4',
        device: 'n150@q4 against onnx@q4',
        total: 'n150@q4',
        knobs: N150,
      },
    ]);
  });

  it('gives knobs their own D, which is T, and no Q; a recording neither', () => {
    const [, knobs, recording] = entrants(
      variant('n150', N150),
      variant('n150:kvFormat=BF16', N150),
      variant('capture:rows.npy', CAPTURE),
    );
    expect(knobs).toMatchObject({ label: 'n150:kvFormat=BF16', checkpoint: undefined, device: knobs!.total });
    expect(recording).toMatchObject({ label: 'capture:rows.npy', checkpoint: undefined, device: undefined });
  });

  it('tells checkpoints of one name apart, from the base and from each other, each with its own D', () => {
    const all = entrants(variant('n150', N150), ...checkpoint('base'), ...checkpoint('base', '#2'));
    expect(all.map(({ label }) => label)).toEqual(['base', 'base#2', 'base#3']);
    expect(all[2]).toMatchObject({
      checkpoint: 'onnx@base#2',
      total: 'n150@base#2',
      device: 'n150@base against onnx@base#2',
    });
  });

  it('without a device compares references, and none is the base', () => {
    expect(entrants(variant('onnx@q4', ONNX, 'q4'))).toEqual([
      {
        label: 'q4',
        model: 'q4',
        isBase: false,
        checkpoint: 'onnx@q4',
        device: undefined,
        total: 'onnx@q4',
        knobs: undefined,
      },
    ]);
  });

  it('does not call the device of other weights by the name of the reference', () => {
    const [first, second] = entrants(
      variant('n150@converted', N150, 'converted'),
      variant('n150:kv@converted', N150, 'converted'),
    );
    expect(first).toMatchObject({ label: 'converted', isBase: true });
    expect(second).toMatchObject({ label: 'n150:kv@converted', isBase: false });
  });

  it('has no base where a recording stands first', () => {
    expect(entrants(variant('capture:rows.npy', CAPTURE), variant('n150', N150)).map(({ isBase }) => isBase)).toEqual([
      false,
      false,
    ]);
  });
});
