// The paragraph says what the numbers say, and no more: a defect with its cure, a culprit with its knob, noise, another model.
import { describe, expect, it } from 'vitest';
import type { Change, OpError, TokenMeasure } from '../record/why-record.ts';
import { whyWords } from './why-words.ts';
import type { Evidence } from './words.ts';

const measure = (pcc: number, klNats: number): TokenMeasure => ({ pcc, klNats, regretNats: 0, top1: 1 });

const op = (fields: Partial<OpError>): OpError => ({
  ...{ layer: 3, op: 'down', tap: 'layers.3.mlp.out', isolated: 0.01, isolatedBlock: 0.01, healthy: 0.01 },
  ...{ healthyBlock: 0.01, ratio: 0.5, accumulated: 0.02, accumulatedPcc: 0.999, isBlamed: false, span: [] },
  ...fields,
});

const change = (fields: Partial<Change>): Change => ({
  ...{ direction: 'promotion', kind: 'knob', name: 'kvFormat', what: 'a KV cache in BF16', knobs: 'kvFormat=BF16' },
  ...{ past: 'redone', measure: measure(0.99, 0.009), draws: 4, effective: 4, share: 0.99 },
  ...fields,
});

const evidence = (fields: Partial<Evidence>): Evidence => ({
  token: { case: 'c', variant: 'n150', prompt: 'p', user: 0, position: 9, inputToken: 5, status: 'failPcc' },
  sides: { golden: 'reference', actual: 'device' },
  device: measure(0.1, 3),
  redrawn: [measure(0.11, 3), measure(0.12, 3)],
  healthy: measure(0.1, 3),
  exact: measure(1, 0),
  rule: { factor: 2, positions: 16, text: 'rule' },
  ops: [op({})],
  firstBlamed: null,
  changes: [],
  notTried: [],
  carriers: [],
  kvCache: [],
  attention: [],
  recording: null,
  ...fields,
});

describe('whyWords', () => {
  it('names the operation, its error beside the usual one, and what a healthy one in its place is worth', () => {
    const blamed = op({ isolated: 0.3, ratio: 15, isBlamed: true });
    const cure = change({
      direction: 'cure',
      what: 'a healthy down projection in layer 3',
      measure: measure(0.999, 0.002),
    });
    const words = whyWords(
      evidence({ ops: [op({}), blamed], firstBlamed: 1, changes: [cure], healthy: measure(0.999, 0.002) }),
    );
    expect(words).toMatch(/^A defect: the down projection of layer 3 .* off by 30 % where 1 % is usual, 30 times/);
    expect(words).toMatch(/PCC 0.1000, KL 3 nat to PCC 0.9990, KL 0.002 nat, .*that operation is the whole of it\./);
    expect(words).toMatch(/Every other operation is sound\./);
    expect(words).toMatch(/No knob repairs that/);
  });

  it('names the knob that heals in every draw, with its price', () => {
    const words = whyWords(evidence({ changes: [change({})] }));
    expect(words).toMatch(/a KV cache in BF16 takes 99 % of it away \(.*; healed in 4 of 4 draws/);
    expect(words).toMatch(/Try `--device n150:kvFormat=BF16`; a KV cache in BF16 takes 1\.88 times/);
    expect(words).not.toMatch(/tipping point/);
  });

  it('says that a token which other draws spare is at a tipping point, and which knobs may only have drawn anew', () => {
    const lucky = change({
      name: 'biasFormat',
      what: 'a bias in BF16',
      knobs: 'biasFormat=BF16',
      effective: 2,
      share: 0.6,
    });
    const words = whyWords(evidence({ redrawn: [measure(0.99, 0.01), measure(0.1, 3)], changes: [change({}), lucky] }));
    expect(words).toMatch(/spare this token in 1 of 2 draws: it stands at a tipping point, .*\(so biasFormat\)/);
  });

  it('excludes one culprit where no promotion takes a tenth of the loss away', () => {
    const words = whyWords(evidence({ changes: [change({ share: 0.05 })] }));
    expect(words).toMatch(/sum of many roundings, and no one knob or layer is the culprit/);
    expect(words).not.toMatch(/Try/);
  });

  it('says that two sides are different models where not even everything promoted heals', () => {
    expect(whyWords(evidence({ exact: measure(0.2, 2) }))).toMatch(/not the same model; .*--weights-only/);
  });

  it('explains no loss that nobody notices', () => {
    const { token } = evidence({});
    const words = whyWords(
      evidence({ device: measure(0.9999, 1e-4), token: { ...token, status: 'pass' }, changes: [change({})] }),
    );
    expect(words).toMatch(/lost 1\.0e-4 nat: there is nothing to explain\.$/);
  });
});
