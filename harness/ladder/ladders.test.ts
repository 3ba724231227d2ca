// Laws of the ladder on made-up rows: shares add up, a rung accounts for what its rule says, a token without a rung is counted.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LadderRung } from '../record/ladder.ts';
import type { CaseSpec, RunSpec, VariantSpec } from '../record/run-spec.ts';
import { tokenRecordExample } from '../record/token-record.fixture.ts';
import { TypicalKl, wordOfRun, wordOfToken } from './account-for.ts';
import { Ladders } from './ladders.ts';

const RUNGS = ['bf16', 'weights', 'formats', 'arithmetic'] as const;
const DEVICE: VariantSpec = {
  name: 'card',
  model: 'm',
  device: { kind: 'capture', recording: 'r', logitsFormat: null },
};
const rung = (name: LadderRung): VariantSpec => ({
  ...DEVICE,
  name: `card/${name}`,
  ladder: { rung: name, of: 'card' },
});
const CASE = { name: 'a', variants: [DEVICE, ...RUNGS.map(rung)] } as unknown as CaseSpec;
const KEY = { case: 'a', variant: 'card', prompt: 'p', user: 0 };

/** By variant, KL at each position; null: the row has none. 1 - PCC is a tenth of it. */
function laddersOf(rows: Readonly<Record<string, readonly (number | null)[]>>): Ladders {
  const ladders = new Ladders({ cases: [CASE] } as unknown as RunSpec);
  for (const [variant, nats] of Object.entries(rows)) {
    for (const [position, klNats] of nats.entries()) {
      const distribution =
        klNats === null ? null : { klNats, klReverseNats: 0, logNormaliser: { golden: 0, actual: 0 }, textToken: null };
      const pcc = klNats === null ? null : 1 - klNats / 10;
      ladders.add(tokenRecordExample({ ...KEY, variant, position, distribution, pcc }));
    }
  }
  return ladders;
}

const conclude = (ladders: Ladders) => ladders.conclude(CASE, DEVICE, [KEY])!;
const nats = fc.double({ min: 0, max: 9, noNaN: true });

describe('a ladder', () => {
  it('has shares that add up to the distance of the device, whatever the rungs say', () => {
    const names = ['card', ...RUNGS.map((name) => `card/${name}`)];
    const token = fc.tuple(...names.map(() => nats));
    fc.assert(
      fc.property(fc.array(token, { minLength: 1, maxLength: 20 }), (tokens) => {
        const rows = Object.fromEntries(names.map((name, i) => [name, tokens.map((values) => values[i]!)]));
        const { steps, tokens: count } = conclude(laddersOf(rows));
        const { mean } = steps.at(-1)!;
        for (const what of ['klNats', 'pccGap'] as const) {
          const sum = steps.reduce((total, { share }) => total + share[what], 0);
          expect(Math.abs(sum - mean[what])).toBeLessThan(1e-12);
        }
        expect(count).toBe(tokens.length);
        const own = rows['card']!.reduce((total, value) => total + value, 0) / tokens.length;
        expect(Math.abs(mean.klNats - own)).toBeLessThan(1e-12);
      }),
      { seed: 3 },
    );
  });

  it('counts every judged token once, by its word or as missing', () => {
    const ladder = conclude(
      laddersOf({
        card: [0.01, 0.1, 9, 0.2, 0.3, null],
        'card/bf16': [0, 0, 0, 0, 0, 0],
        'card/weights': [0.01, 0.01, 0.01, null, 0.01, 0.01],
        'card/formats': [0.01, 0.1, 0.01, 0.1, 0.01, 0.01],
        // It broke down before the fifth.
        'card/arithmetic': [0.01, 0.1, 0.01, 0.1],
      }),
    );
    expect(ladder).toMatchObject({ tokens: 3, missing: 3, words: { weights: 1, formats: 1, excess: 1 } });
  });

  it('says nothing of a device without a token on it', () => {
    const ladder = conclude(laddersOf({ card: [0.1], 'card/weights': [] }));
    expect(ladder).toMatchObject({ tokens: 0, missing: 1, steps: [], bf16: null, word: null });
  });

  it('is none for a variant without rungs, and for a rung', () => {
    const alone = { ...CASE, variants: [DEVICE] };
    expect(laddersOf({}).conclude(alone, DEVICE, [KEY])).toBeUndefined();
    expect(laddersOf({}).conclude(CASE, CASE.variants[1]!, [KEY])).toBeUndefined();
  });

  it('has the device itself for its arithmetic where no rung of its own stands for it', () => {
    const own = { ...CASE, variants: CASE.variants.filter(({ name }) => name !== 'card/arithmetic') };
    const rows = { card: [0.4], 'card/bf16': [0], 'card/weights': [0.1], 'card/formats': [0.2] };
    const { steps } = laddersOf(rows).conclude(own, DEVICE, [KEY])!;
    expect(steps.map(({ step, variant, share }) => [step, variant, share.klNats])).toEqual([
      ['weights', 'card/weights', 0.1],
      ['formats', 'card/formats', 0.1],
      ['arithmetic', 'card', 0.2],
      ['device', 'card', 0],
    ]);
  });

  it('shows one token as it shows all', () => {
    const rows = { card: [1, 2], 'card/bf16': [0.25, 0.5], 'card/weights': [0, 0.5], 'card/formats': [0, 1] };
    const ladders = laddersOf({ ...rows, 'card/arithmetic': [0, 1.5] });
    const token = ladders.ofToken({ ...KEY, position: 1 })!;
    expect(token.steps.map(({ step, klNats }) => [step, klNats])).toEqual([
      ['weights', 0.5],
      ['formats', 1],
      ['arithmetic', 1.5],
      ['device', 2],
    ]);
    expect(token).toMatchObject({ bf16: { klNats: 0.5 }, word: 'formats' });
    expect(ladders.ofToken({ ...KEY, position: 2 })).toBeUndefined();
    expect(ladders.ofToken({ ...KEY, variant: 'card/weights', position: 1 })).toBeUndefined();
  });
});

describe('a word', () => {
  const rungs = [
    { step: 'weights', klNats: 0.01 },
    { step: 'formats', klNats: 0.1 },
  ] as const;

  it.each([
    [0.0329, 'weights'],
    [0.0331, 'formats'],
    [0.3029, 'formats'],
    [0.3031, 'excess'],
    [Number.NaN, 'excess'],
  ])('of a token at %d nat is %s', (klNats, word) => {
    expect(wordOfToken(rungs, klNats)).toBe(word);
  });

  it.each([
    [0.0151, 128, 'weights'],
    [0.0152, 128, 'formats'],
    [0.0302, 127, 'weights'],
    [0.1502, 128, 'excess'],
    [0.3002, 127, 'formats'],
    [Number.NaN, 128, 'excess'],
  ])('of a typical %d nat over %d tokens is %s', (klNats, tokens, word) => {
    expect(wordOfRun(rungs, klNats, tokens)).toBe(word);
  });

  it('is of what is typical: a geometric mean that a few tokens do not move', () => {
    const typical = new TypicalKl();
    for (let i = 0; i < 99; i++) typical.add(0.01);
    typical.add(10);
    expect(typical.value).toBeCloseTo(0.01 * 1000 ** 0.01, 3);
    expect(new TypicalKl().value).toBeNaN();
  });
});
