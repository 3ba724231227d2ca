// How often an honest device breaks an aggregate rule at its smallest sample, and which broken ones break it.
import { describe, expect, it } from 'vitest';
import type { GateRule } from '../record/rules.ts';
import { evaluateGate } from './evaluate-gate.fixture.ts';
import { holds } from './judge-token.ts';
import { type RecordNumbers, recordExample } from './record.fixture.ts';
import { DEFAULT_PCC_MINIMUM, defaultRules } from './thresholds.ts';

const rules = defaultRules({ pccMinimum: DEFAULT_PCC_MINIMUM });
const ruleOf = (id: string) => {
  const rule = rules.find((candidate) => candidate.id === id)!;
  if (rule.scope === 'token') throw new Error(`${id} is a token rule`);
  return rule;
};

/** P(X >= hits), X binomial: how often an honest device shows that many tokens of a kind. */
function tail(n: number, p: number, hits: number): number {
  let term = (1 - p) ** n;
  let below = 0;
  for (let k = 0; k < hits; k++) {
    below += term;
    term *= ((n - k) / (k + 1)) * (p / (1 - p));
  }
  return 1 - below;
}

/** The largest rate of false alarm of samples from the minimum up. */
function alarmRate(id: string, p: number, shareAt: (hits: number, n: number) => number): number {
  const rule = ruleOf(id);
  let worst = 0;
  for (let n = rule.sampleMinimum; n < rule.sampleMinimum + 100; n++) {
    let hits = 0;
    while (holds(rule, shareAt(hits, n))) hits++;
    worst = Math.max(worst, tail(n, p, hits));
  }
  return worst;
}

interface KlShare {
  readonly upTo: number;
  readonly share: number;
}

/** KL of the two Chinese prompts' 1,315 tokens: share of the tokens between a limit and the one before. */
const HARDEST_KL: readonly KlShare[] = [
  { upTo: 0.02, share: 0.6859 },
  { upTo: 0.05, share: 0.2243 },
  { upTo: 0.1, share: 0.0791 },
  { upTo: 0.15, share: 0.0076 },
  { upTo: 0.2, share: 0.0023 },
  { upTo: 0.3, share: 0.0008 },
];
/** The same of all 4,877 tokens. */
const MIX_KL: readonly KlShare[] = [
  { upTo: 0.02, share: 0.8981 },
  { upTo: 0.05, share: 0.0744 },
  { upTo: 0.1, share: 0.024 },
  { upTo: 0.15, share: 0.0025 },
  { upTo: 0.2, share: 0.0008 },
  { upTo: 0.3, share: 0.0002 },
];

/** Bound on how often the mean KL of n such tokens exceeds a limit (Chernoff's: the least of mean exp(t (x - limit))^n). */
function chernoff(shares: readonly KlShare[], n: number, limit: number): number {
  let least = 1;
  for (let t = 1; t < 400; t++) {
    const mean = shares.reduce((sum, { upTo, share }) => sum + share * Math.exp(t * (upTo - limit)), 0);
    least = Math.min(least, mean ** n);
  }
  return least;
}

describe('an honest device is blamed', () => {
  const topOne = (hits: number, n: number) => (n - hits) / n;
  const share = (hits: number, n: number) => hits / n;
  it.each([
    { id: 'top1', of: topOne, hardest: 0.118, mix: 0.0686 },
    { id: 'top1-long', of: topOne, hardest: 0.118, mix: 0.0686 },
    { id: 'real-flips', of: share, hardest: 0.061, mix: 0.0248 },
    { id: 'real-flips-long', of: share, hardest: 0.061, mix: 0.0248 },
  ])(
    'by $id in fewer than 1 of 100 runs of the hardest text, 1 of a million of the mix',
    ({ id, of, hardest, mix }) => {
      expect(alarmRate(id, hardest, of)).toBeLessThan(0.01);
      expect(alarmRate(id, mix, of)).toBeLessThan(1e-6);
    },
  );

  it.each([
    { id: 'pcc-median', hardest: 0.065, mix: 0.0115 },
    { id: 'pcc-median-short', hardest: 0.0036, mix: 0.00062 },
    { id: 'gain', hardest: 0.186, mix: 0.0646 },
    { id: 'gain-short', hardest: 0.0141, mix: 0.0042 },
  ])('by $id, a median, in fewer than 1 of 1000, 3 of a million of the mix', ({ id, hardest, mix }) => {
    const { sampleMinimum } = ruleOf(id);
    for (let n = sampleMinimum; n < sampleMinimum + 100; n++) {
      expect(tail(n, hardest, Math.ceil(n / 2))).toBeLessThan(1e-3);
      expect(tail(n, mix, Math.ceil(n / 2))).toBeLessThan(3e-6);
    }
  });

  it('by kl-mean-short in fewer than 5 of 10,000, 2 of 100,000 of the mix', () => {
    const { sampleMinimum, threshold } = ruleOf('kl-mean-short');
    expect(chernoff(HARDEST_KL, sampleMinimum, threshold)).toBeLessThan(5e-4);
    expect(chernoff(MIX_KL, sampleMinimum, threshold)).toBeLessThan(2e-5);
  });

  it('by kl-p99 by none of 4,877 tokens, of which 0.298 is the worst', () => {
    const { threshold } = ruleOf('kl-p99');
    expect(HARDEST_KL.at(-1)!.upTo).toBeLessThan(threshold);
  });
});

const run = (tokens: number, numbers: (position: number) => Partial<RecordNumbers> = () => ({})) =>
  evaluateGate({
    rules,
    plan: [{ case: 'c', variant: 'v', prompt: 'p', user: 0, tokens, end: tokens }],
    records: Array.from({ length: tokens }, (_, position) => recordExample({ position }, numbers(position))),
  });

describe('a short honest run', () => {
  it.each([
    { tokens: 4, wrong: 1 },
    { tokens: 7, wrong: 3 },
    { tokens: 32, wrong: 5 },
    { tokens: 45, wrong: 7 },
  ])('of $tokens tokens, $wrong of them ties, passes and names what could not be judged', ({ tokens, wrong }) => {
    const verdict = run(tokens, (position) => (position < wrong ? { rank: 2, flip: 'tie' } : {}));
    expect(verdict).toMatchObject({ status: 'pass', failingRules: [] });
    expect(verdict.coverage.rulesTooFewTokens).toContain('top1');
    expect(verdict.coverage.rulesNeverTriggered).toEqual([]);
    expect(verdict.headline).toContain(`top1, real-flips (${tokens} of at least 80)`);
  });

  it('still fails by what a single token shows', () => {
    expect(run(2, () => ({ pcc: 0.5 }))).toMatchObject({ status: 'fail', failingRules: ['pcc-minimum'] });
    expect(run(1, () => ({ klNats: 0.6 }))).toMatchObject({ status: 'fail', failingRules: ['kl-p99'] });
    expect(run(4, () => ({ rank: 21, flip: 'real' }))).toMatchObject({ status: 'fail', failingRules: ['golden-rank'] });
  });
});

describe('a short run of a broken device', () => {
  /** As measured: a layer skipped of six, prompt "The capital of Texas" and 8 tokens. */
  const skippedLayer = {
    pcc: [
      0.9833, 0.9569, 0.9846, 0.961, 0.9894, 0.9788, 0.9886, 0.9928, 0.9819, 0.9895, 0.9897, 0.9762, 0.9801, 0.9619,
      0.9903,
    ],
    klNats: [0.23, 0.338, 0.293, 0.325, 0.147, 0.026, 0.094, 0.028, 0.114, 0.068, 0.005, 0.111, 0.229, 0.429, 0.147],
  };
  it.each([5, 7, 11, 15])('with a layer skipped fails at %i tokens', (tokens) => {
    const verdict = run(tokens, (position) => ({
      pcc: skippedLayer.pcc[position]!,
      klNats: skippedLayer.klNats[position]!,
    }));
    expect(verdict.status).toBe('fail');
    expect(verdict.failingRules).toContain('kl-mean-short');
    if (tokens >= 12) expect(verdict.failingRules).toContain('pcc-median');
  });

  it.each([1, 2, 3, 4])('whose %i rows are noise fails', (tokens) => {
    const verdict = run(tokens, (position) => ({ pcc: 0.857, klNats: 1.9, rank: position === 0 ? 1 : 3 }));
    expect(verdict.status).toBe('fail');
    expect(verdict.failingRules).toContain('kl-p99');
    if (tokens >= 3) expect(verdict.failingRules).toContain('pcc-median-short');
  });

  it('with logits of nine tenths fails where KL hardly moves', () => {
    expect(run(8, () => ({ gain: 0.9, klNats: 0.02 }))).toMatchObject({ status: 'fail', failingRules: ['gain-short'] });
  });
});

describe('a rule', () => {
  const bad: Partial<Record<string, Partial<RecordNumbers>>> = {
    'pcc-median': { pcc: 0.9 },
    'pcc-median-short': { pcc: 0.9 },
    'kl-mean': { klNats: 0.4 },
    'kl-mean-short': { klNats: 0.4 },
    'kl-p99': { klNats: 0.6 },
    top1: { rank: 2 },
    'top1-long': { rank: 2 },
    'real-flips': { flip: 'real' },
    'real-flips-long': { flip: 'real' },
    gain: { gain: 0.9 },
    'gain-short': { gain: 0.9 },
  };
  const aggregates = rules.filter((rule) => rule.scope !== 'token' && rule.metric !== 'coverage');

  it.each(aggregates.map(({ id }) => id))('%s judges from its minimum on, and not one token before', (id) => {
    const { sampleMinimum } = ruleOf(id);
    const resultAt = (tokens: number) => run(tokens, () => bad[id]!).rules.find((rule) => rule.id === id)!;
    if (sampleMinimum > 1) {
      expect(resultAt(sampleMinimum - 1)).toMatchObject({
        status: 'tooFewTokens',
        judged: 0,
        failures: 0,
        tooFew: 1,
        largestTooFew: sampleMinimum - 1,
        observed: null,
        headroom: null,
        worstAt: null,
      });
    }
    expect(resultAt(sampleMinimum)).toMatchObject({
      status: 'fail',
      judged: 1,
      failures: 1,
      tooFew: 0,
      largestTooFew: null,
    });
  });

  it('counts the tokens that have its number, not all', () => {
    const { sampleMinimum } = ruleOf('pcc-median');
    const verdict = run(sampleMinimum + 3, (position) => (position < 4 ? { pcc: null } : { pcc: 0.9 }));
    expect(verdict.rules.find(({ id }) => id === 'pcc-median')).toMatchObject({
      status: 'tooFewTokens',
      largestTooFew: sampleMinimum - 1,
    });
  });

  it('that judged in one prompt and not in another says both', () => {
    const { sampleMinimum } = ruleOf('gain');
    const lengths = { p: sampleMinimum, q: 3, r: 5 };
    const verdict = evaluateGate({
      rules,
      plan: Object.entries(lengths).map(([prompt, tokens]) => ({
        case: 'c',
        variant: 'v',
        prompt,
        user: 0,
        tokens,
        end: tokens,
      })),
      records: Object.entries(lengths).flatMap(([prompt, tokens]) =>
        Array.from({ length: tokens }, (_, position) => recordExample({ prompt, position })),
      ),
    });
    const result = verdict.rules.find(({ id }) => id === 'gain');
    expect(result).toMatchObject({ status: 'pass', judged: 1, tooFew: 2, largestTooFew: 5 });
    expect(verdict.coverage.rulesTooFewTokens).not.toContain('gain');
    expect(verdict.headline).toContain('gain (5 of at least 30 in 2 of 3 prompts)');
  });

  it('with a zero minimum still judges nothing where there is nothing', () => {
    const free: GateRule[] = rules.map((rule) => (rule.scope === 'token' ? rule : { ...rule, sampleMinimum: 0 }));
    const verdict = evaluateGate({
      rules: free,
      plan: [{ case: 'c', variant: 'v', prompt: 'p', user: 0, tokens: 1, end: 1 }],
      records: [recordExample({}, { pcc: null })],
    });
    expect(verdict.rules.find(({ id }) => id === 'pcc-median')).toMatchObject({ status: 'notTriggered', tooFew: 0 });
  });
});
