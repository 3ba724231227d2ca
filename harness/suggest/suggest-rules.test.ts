// Suggestions from made-up tokens: what is judged, where, from how many tokens on; what is left out is said; what is taken is a rules file.
import { describe, expect, it } from 'vitest';
import { createGate } from '../gate/gate.ts';
import { type RecordNumbers, recordExample } from '../gate/record.fixture.ts';
import { DEFAULT_PCC_MINIMUM, defaultRules } from '../gate/thresholds.ts';
import { randomFromSeed } from '../paired/seeded-random.ts';
import type { TokenRecord } from '../record/token-record.ts';
import { parseRulesFile } from '../rules-file/read-rules-file.ts';
import { resolveRules } from '../rules-file/resolve-rules.ts';
import { MeasuredTokens } from './measured-tokens.ts';
import { type SuggestOptions, suggestRules } from './suggest-rules.ts';

const DEFAULTS = defaultRules({ pccMinimum: DEFAULT_PCC_MINIMUM });

/** A device that scatters: [prompts] of so many tokens. */
function tokensOf(
  lengths: readonly number[],
  of: (uniform: number) => Partial<RecordNumbers>,
  seed = 1,
): TokenRecord[] {
  const random = randomFromSeed(seed);
  return lengths.flatMap((length, i) =>
    Array.from({ length }, (_, position) => recordExample({ prompt: `p${i}`, position }, of(random() / 2 ** 32))),
  );
}
const honest = (u: number): Partial<RecordNumbers> => ({
  pcc: 1 - 0.002 * u,
  klNats: 0.004 * u,
  ...(u > 0.98 ? { rank: 2, flip: 'real' as const } : {}),
});

function measured(...runs: readonly (readonly TokenRecord[])[]): MeasuredTokens {
  const tokens = new MeasuredTokens();
  for (const [i, run] of runs.entries()) for (const record of run) tokens.add(String(i), record);
  return tokens;
}
const suggest = (tokens: MeasuredTokens, more: Partial<SuggestOptions> = {}) =>
  suggestRules({
    ...{ alpha: 0.01, beta: 0.1, multiple: 2, texts: 'same' as const },
    ...{ variants: tokens.variants('same'), floors: [], defaults: DEFAULTS, runs: 'a run', date: '2026-11-26' },
    ...more,
  });
const HONEST = tokensOf([300, 400], honest);
/** What is suggested from them, which takes a while; one test makes it anew and compares. */
let ofHonest: ReturnType<typeof suggest> | undefined;
const suggestOfHonest = () => (ofHonest ??= suggest(measured(HONEST)));

describe('suggestRules', () => {
  it('gives means, medians, shares and 99th percentiles, each beside the defaults, and no maximum', () => {
    const { rules, notes } = suggestOfHonest();
    expect(rules.map(({ id }) => id)).toEqual([
      ...['pcc-median-measured', 'kl-mean-measured', 'kl-p99-measured', 'top1-measured'],
      ...['real-flips-measured', 'regret-mean-measured', 'regret-p99-measured'],
    ]);
    expect(notes).toEqual([]);
    const [, mean] = rules;
    expect(mean).toMatchObject({
      applies: { case: 'c', variant: 'v' },
      scope: 'run',
      metric: 'klMean',
      sampleMinimum: 630,
    });
    expect(mean!.threshold).toBeGreaterThanOrEqual(2 * 0.002 * 0.9);
    expect(mean!.threshold).toBeLessThan(0.006);
    expect(mean!.calibration).toMatchObject({
      date: '2026-11-26',
      distribution: { n: 700 },
      errorRates: { alpha: 0.01, beta: 0.1, tokens: 700, multiple: 2 },
    });
  });

  it('followed, passes the runs that it is from, and fails what it says it detects', () => {
    const { rules } = suggestOfHonest();
    const content = parseRulesFile(JSON.parse(JSON.stringify({ rules })), 'f');
    const variants = [{ name: 'v', model: 'm', device: { kind: 'n150' as const, knobs: {} } }];
    const { judge } = resolveRules(
      { path: 'f', sha256: '0'.repeat(64), content },
      { semantics: 'strict', threshold: undefined, cases: [{ name: 'c', variants }], today: '2026-11-26' },
    );
    const verdictOn = (records: readonly TokenRecord[]) => {
      const gate = createGate(judge.rules);
      for (const record of records) gate.add(record);
      const plan = [300, 400].map((tokens, i) => ({
        case: 'c',
        variant: 'v',
        prompt: `p${i}`,
        user: 0,
        tokens,
        end: tokens,
      }));
      return gate.conclude(plan);
    };
    const fine = verdictOn(HONEST);
    expect([fine.status, fine.rules.find(({ id }) => id === 'kl-mean-measured')?.status]).toEqual(['pass', 'pass']);
    expect(verdictOn(tokensOf([300, 400], honest, 2)).status).toBe('pass');
    const worse = tokensOf([300, 400], (u) => ({ ...honest(u), klNats: 0.012 * u }), 3);
    expect(verdictOn(worse).failingRules).toContain('kl-mean-measured');
  });

  it('takes the multiple of the floor that other runs measured', () => {
    const floors = measured(tokensOf([300, 400], (u) => ({ ...honest(u), klNats: 0.02 * u }), 5)).variants('same');
    const mean = suggest(measured(HONEST), { floors }).rules.find(({ id }) => id === 'kl-mean-measured');
    expect(mean!.threshold).toBeGreaterThan(0.018);
    expect(mean!.calibration!.errorRates!.floor).toBeCloseTo(0.01, 2);
  });

  it('says that tokens are too few', () => {
    const { rules, notes } = suggest(measured(tokensOf([120], honest)));
    expect(rules.map(({ id }) => id)).not.toContain('kl-p99-measured');
    expect(notes).toContain('kl-p99 of c › v: 120 tokens are too few, at least 500 are needed');
    expect(suggest(measured(tokensOf([20], honest))).rules).toEqual([]);
  });

  it('leaves out what a default asks already', () => {
    const wide = tokensOf([300, 400], (u) => ({ ...honest(u), klNats: 0.06 * u }));
    const { rules, notes } = suggest(measured(wide));
    expect(rules.map(({ id }) => id)).not.toContain('kl-mean-measured');
    expect(notes.join()).toContain('kl-mean is no looser than what is measured allows');
  });

  it('wants somebody to answer for what is looser than a default: such a file is refused until it is filled in', () => {
    const { rules, notes } = suggest(measured(tokensOf([300, 400], (u) => ({ ...honest(u), klNats: 0.2 * u }))));
    const looser = rules.find(({ instead }) => instead === 'kl-mean')!;
    expect(looser).toMatchObject({ id: 'kl-mean-measured', loosened: { reason: '', owner: '', expires: '' } });
    expect(notes.join()).toContain('c › v breaks kl-mean');
    const json = JSON.parse(JSON.stringify({ rules })) as unknown;
    expect(() => parseRulesFile(json, 'f')).toThrow(/loosened/);
  });

  it('is wider for other texts, if texts differ', () => {
    const texts = tokensOf([200, 200, 200, 200], honest).map((record) =>
      record.prompt === 'p0' ? { ...record, distribution: { ...record.distribution!, klNats: 0.01 } } : record,
    );
    const tokens = measured(texts);
    const limit = (which: 'same' | 'other') =>
      suggest(tokens, { texts: which, variants: tokens.variants(which), multiple: 1 }).rules.find(
        ({ id }) => id === 'kl-mean-measured',
      )!.threshold!;
    expect(limit('other')).toBeGreaterThan(limit('same'));
  });

  it('of two runs of one plan is for one, and learns nothing from bits that were repeated', () => {
    const limitsOf = ({ rules }: ReturnType<typeof suggest>) =>
      rules.map(({ threshold, sampleMinimum }) => [threshold, sampleMinimum]);
    expect(limitsOf(suggest(measured(HONEST, HONEST)))).toEqual(limitsOf(suggestOfHonest()));
  });

  it('says the same of the same tokens', () => {
    expect(suggest(measured(HONEST))).toEqual(suggestOfHonest());
  });
});
