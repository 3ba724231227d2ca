// What a rules file makes of the default rules: equal, tighter, looser with somebody who answers for it, elsewhere, refused.
import { describe, expect, it } from 'vitest';
import { DEFAULT_PCC_MINIMUM, defaultRules } from '../gate/thresholds.ts';
import { GateRuleSchema } from '../record/run-spec.ts';
import { parseRulesFile } from './read-rules-file.ts';
import { type ResolveOptions, resolveRules } from './resolve-rules.ts';
import type { ExpectedEntry, RuleEntry, RulesFile } from './rules-file.ts';

const DEFAULTS = defaultRules({ pccMinimum: DEFAULT_PCC_MINIMUM });
const variant = (name: string, model = 'tiny') => ({ name, model, device: { kind: 'n150', knobs: {} } }) as const;
const CASES = [
  { name: 'general', variants: [variant('n150'), variant('n150:bfp4')] },
  { name: 'instruct', variants: [variant('n150', 'tiny-instruct')] },
];
const TODAY = '2026-11-26';
const ADA = { reason: 'a new card', owner: 'Ada', expires: '2027-01-31' };

function resolve(content: RulesFile, options: Partial<ResolveOptions> = {}) {
  const file = { path: 'a/qwen-pcc.config.json', sha256: '0'.repeat(64), content: parseRulesFile(content, 'f') };
  return resolveRules(file, { semantics: 'strict', threshold: undefined, cases: CASES, today: TODAY, ...options });
}
const rulesOf = (...rules: RuleEntry[]) => resolve({ rules }).judge.rules;
const ruleOf = (id: string, ...rules: RuleEntry[]) => rulesOf(...rules).find((rule) => rule.id === id);

describe('a rules file', () => {
  it('equal to the defaults gives the very rules, and says where they are from', () => {
    const entries = DEFAULTS.filter(({ origin }) => origin !== 'hard').map(
      (rule): RuleEntry => ({
        id: rule.id,
        threshold: rule.threshold,
        ...(rule.scope === 'token' ? {} : { sampleMinimum: rule.sampleMinimum }),
      }),
    );
    const { judge, notes } = resolve({ rules: entries });
    expect(judge).toEqual({
      semantics: 'strict',
      pccMinimum: DEFAULT_PCC_MINIMUM,
      rules: DEFAULTS,
      rulesFile: { name: 'qwen-pcc.config.json', sha256: '0'.repeat(64) },
    });
    expect(notes).toEqual([]);
    expect(resolve({}).judge.rules).toEqual(DEFAULTS);
  });

  it('lets nothing be allowed for more than 180 days at a time', () => {
    const loose = (expires: string): RuleEntry => ({ id: 'kl-mean', threshold: 0.1, loosened: { ...ADA, expires } });
    const expected = (expires: string): ExpectedEntry => ({ ...ADA, rule: 'kl-mean', expires });
    // 180 and 181 days from TODAY.
    const [last, after] = ['2027-05-25', '2027-05-26'];
    expect(ruleOf('kl-mean', loose(last))).toHaveProperty('loosening');
    expect(resolve({ expected: [expected(last)] }).judge.expected).toHaveLength(1);
    for (const [content, at] of [
      [{ rules: [loose(after)] }, 'rules[0].loosened.expires'],
      [{ rules: [loose('9999-12-31')] }, 'rules[0].loosened.expires'],
      [{ expected: [expected(after)] }, 'expected[0].expires'],
    ] as const) {
      expect(() => resolve(content)).toThrow(
        expect.objectContaining({ code: 'CONFIG_EXPIRES', exitCode: 2, facts: expect.objectContaining({ at }) }),
      );
    }
  });

  it('makes a rule tighter without a word of anybody', () => {
    expect(ruleOf('kl-mean', { id: 'kl-mean', threshold: 0.02 })).toMatchObject({ threshold: 0.02, origin: 'manual' });
    expect(ruleOf('kl-mean', { id: 'kl-mean', threshold: 0.02 })).not.toHaveProperty('loosening');
    expect(resolve({ rules: [{ id: 'pcc-minimum', threshold: 0.95 }] }).judge.pccMinimum).toBe(0.95);
  });

  it.each([
    { what: 'a higher limit', entry: { id: 'kl-mean', threshold: 0.1 }, kept: { threshold: 0.05 } },
    { what: 'a lower minimum', entry: { id: 'top1', threshold: 0.5 }, kept: { threshold: 0.75 } },
    {
      what: 'a larger sample',
      entry: { id: 'kl-mean', sampleMinimum: 61 },
      kept: { threshold: 0.05, sampleMinimum: 60 },
    },
    { what: 'a rule switched off', entry: { id: 'golden-rank', off: true as const }, kept: { threshold: 20 } },
    { what: 'the original test loosened', entry: { id: 'pcc-minimum', threshold: 0.7 }, kept: { threshold: 0.79 } },
  ])('is refused for $what if nobody answers for it', ({ entry, kept }) => {
    expect(() => rulesOf(entry)).toThrow(expect.objectContaining({ code: 'CONFIG_LOOSENED', exitCode: 2 }));
    expect(ruleOf(entry.id, { ...entry, loosened: ADA })?.loosening).toEqual({
      of: entry.id,
      ...kept,
      ...ADA,
      isExpired: false,
    });
  });

  it('counts the last day of a loosening, and not the day after', () => {
    const entry = { id: 'kl-mean', threshold: 0.1, loosened: ADA };
    const isExpired = (today: string) =>
      resolve({ rules: [entry] }, { today }).judge.rules.find(({ id }) => id === 'kl-mean')?.loosening?.isExpired;
    expect([isExpired('2027-01-31'), isExpired('2027-02-01')]).toEqual([false, true]);
  });

  it('says a loosening that is none', () => {
    expect(resolve({ rules: [{ id: 'kl-mean', threshold: 0.01, loosened: ADA }] }).notes).toEqual([
      'kl-mean of a/qwen-pcc.config.json is no looser than kl-mean: take "loosened" out',
    ]);
  });

  it.each(DEFAULTS.filter(({ origin }) => origin === 'hard').map(({ id }) => id))(
    'never touches the hard rule %s',
    (id) => {
      const hard = expect.objectContaining({ code: 'CONFIG_HARD', exitCode: 2 });
      expect(() => rulesOf({ id, threshold: 1, loosened: ADA })).toThrow(hard);
      expect(() => rulesOf({ id, off: true, loosened: ADA })).toThrow(hard);
      expect(() => rulesOf({ id: 'mine', instead: id, applies: { case: 'general' }, threshold: 1 })).toThrow(hard);
      expect(() => resolve({ expected: [{ rule: id, ...ADA }] })).toThrow(hard);
    },
  );

  it('puts another limit where it applies and leaves the default elsewhere', () => {
    const rules = rulesOf({ id: 'kl-bfp4', instead: 'kl-mean', applies: { variant: '*bfp4' }, threshold: 0.02 });
    const bfp4 = { case: 'general', variant: 'n150:bfp4' };
    const at = rules.findIndex(({ id }) => id === 'kl-mean');
    expect(rules[at]).toEqual({
      ...DEFAULTS.find(({ id }) => id === 'kl-mean'),
      places: [
        { case: 'general', variant: 'n150' },
        { case: 'instruct', variant: 'n150' },
      ],
    });
    expect(rules[at + 1]).toMatchObject({ id: 'kl-bfp4', threshold: 0.02, places: [bfp4], metric: 'klMean' });
  });

  it('lets a change for all have what one with places leaves, in either order', () => {
    const some: RuleEntry = { id: 'kl-bfp4', instead: 'kl-mean', applies: { variant: '*bfp4' }, threshold: 0.02 };
    const all: RuleEntry = { id: 'kl-mean', threshold: 0.01 };
    const limits = (...rules: RuleEntry[]) =>
      Object.fromEntries(
        rulesOf(...rules).flatMap(({ id, threshold, places }) =>
          /^kl-(mean|bfp4)$/.test(id) ? [[id, [threshold, places?.length]]] : [],
        ),
      );
    expect(limits(some, all)).toEqual({ 'kl-mean': [0.01, 2], 'kl-bfp4': [0.02, 1] });
    expect(limits(all, some)).toEqual(limits(some, all));
    expect(() => rulesOf(all, { id: 'mine', instead: 'kl-mean', threshold: 0.02 })).toThrow(
      'two rules stand in the place',
    );
  });

  it('drops a default that is replaced everywhere, and no place is left', () => {
    const rules = rulesOf({ id: 'mine', instead: 'top1', applies: { case: '*' }, threshold: 0.8 });
    expect(rules.map(({ id }) => id)).not.toContain('top1');
    expect(rules.find(({ id }) => id === 'mine')).not.toHaveProperty('places');
  });

  it('finds models by the checkpoint of the device', () => {
    const entry = { id: 'r', scope: 'token', metric: 'regretNats', threshold: 1, reason: 'mine' } as const;
    expect(ruleOf('r', { ...entry, applies: { model: 'tiny-*' } })?.places).toEqual([
      { case: 'instruct', variant: 'n150' },
    ]);
  });

  it('says a rule that applies to nothing', () => {
    const { judge, notes } = resolve({
      rules: [{ id: 'x', instead: 'top1', applies: { case: 'else' }, threshold: 0.9 }],
      expected: [{ rule: 'top1', applies: { model: 'else' }, ...ADA }],
    });
    expect(judge.rules).toEqual(DEFAULTS);
    expect(judge).not.toHaveProperty('expected');
    expect(notes).toHaveLength(2);
  });

  it('makes rules of its own, the right way up', () => {
    const own = { scope: 'run', sampleMinimum: 10, reason: 'mine', phase: 'decode' } as const;
    const rules = rulesOf(
      { id: 'a', metric: 'pccP1', threshold: 0.9, ...own },
      { id: 'b', metric: 'regretP99', threshold: 0.3, ...own },
      { id: 'c', scope: 'token', metric: 'goldenRankOnActual', threshold: 5, reason: 'mine' },
    );
    expect(rules.slice(DEFAULTS.length)).toMatchObject([
      { id: 'a', op: '>=', ideal: 1, origin: 'manual', onBreak: 'fail', phase: 'decode', sampleMinimum: 10 },
      { id: 'b', op: '<=', ideal: 0 },
      { id: 'c', op: '<=', ideal: 1, phase: 'all' },
    ]);
    for (const rule of rules) expect(GateRuleSchema.safeParse(rule).success).toBe(true);
  });

  it('gives way to --threshold and says so', () => {
    const { judge, notes } = resolve({ rules: [{ id: 'pcc-minimum', threshold: 0.95 }] }, { threshold: 0.9 });
    expect([judge.pccMinimum, judge.rules.find(({ id }) => id === 'pcc-minimum')?.threshold]).toEqual([0.9, 0.9]);
    expect(notes[0]).toContain('--threshold 0.9 stands in the place of pcc-minimum');
  });

  const own = { id: 'mine', scope: 'run', metric: 'klMean', threshold: 1, sampleMinimum: 1, reason: 'r' } as const;
  const refusals: { what: string; entries: RuleEntry[]; says: string }[] = [
    { what: 'a default rule misspelt', entries: [{ id: 'kl-maen', threshold: 0.01 }], says: 'did you mean kl-mean?' },
    {
      what: 'a rule of its own without a reason',
      entries: [{ ...own, reason: undefined as never }],
      says: 'missing  reason',
    },
    {
      what: 'a metric of the other scope',
      entries: [{ ...own, scope: 'token', sampleMinimum: undefined as never }],
      says: 'klNats',
    },
    { what: 'two of one name', entries: [own, own], says: 'two rules are called mine' },
    {
      what: 'a default that applies to some',
      entries: [{ id: 'top1', applies: { case: 'x' }, threshold: 0.9 }],
      says: '"instead": "top1"',
    },
    {
      what: 'a place that is taken',
      entries: [
        { id: 'a', instead: 'top1', applies: { case: 'g*' }, threshold: 0.9 },
        { id: 'b', instead: 'top1', applies: { variant: 'n150' }, threshold: 0.8 },
      ],
      says: 'two rules stand in the place of top1',
    },
    {
      what: 'one phase in the place of all',
      entries: [{ id: 'top1', phase: 'decode', threshold: 0.9 }],
      says: 'rules[0].phase',
    },
    { what: 'a limit of what is off', entries: [{ id: 'top1', off: true, threshold: 0.9 }], says: 'switched off' },
    { what: 'an unknown rule', entries: [{ id: 'a', instead: 'top2', threshold: 0.9 }], says: 'did you mean top1?' },
    {
      what: 'the name of the rule that a baseline brings',
      entries: [{ id: 'not-worse-than-baseline', scope: 'token', metric: 'pcc', threshold: 0.9, reason: 'mine' }],
      says: 'a name of its own',
    },
    { what: 'a sample of a token', entries: [{ id: 'golden-rank', sampleMinimum: 3 }], says: 'sampleMinimum' },
  ];
  it.each(refusals)('is refused for $what', ({ entries, says }) => {
    const rules = entries.map((entry) => JSON.parse(JSON.stringify(entry)) as RuleEntry);
    expect(() => rulesOf(...rules)).toThrow(says);
  });

  const expectedRefusals: { what: string; entry: Omit<ExpectedEntry, keyof typeof ADA>; says: string }[] = [
    { what: 'of no rule', entry: { rule: 'gian' }, says: 'did you mean gain?' },
    {
      what: 'at a prompt, of a rule over all',
      entry: { rule: 'top1', applies: { prompt: 'p' } },
      says: 'a whole variant',
    },
    {
      what: 'at a position, of a rule over a prompt',
      entry: { rule: 'gain', applies: { positions: [1, 2] } },
      says: 'a whole prompt',
    },
    {
      what: 'at no position',
      entry: { rule: 'pcc-minimum', applies: { positions: [2, 1] } },
      says: 'first position before',
    },
  ];
  it.each(expectedRefusals)('is refused for an expected failure $what', ({ entry, says }) => {
    expect(() => resolve({ expected: [{ ...entry, ...ADA }] })).toThrow(says);
  });

  it('keeps what it expects, with its places', () => {
    const entry = {
      rule: 'pcc-minimum',
      applies: { case: 'g*', prompt: 'p*', positions: [3, 5] as [number, number] },
      ...ADA,
    };
    expect(resolve({ expected: [entry] }).judge.expected).toEqual([
      {
        rule: 'pcc-minimum',
        places: [
          { case: 'general', variant: 'n150' },
          { case: 'general', variant: 'n150:bfp4' },
        ],
        prompt: 'p*',
        positions: [3, 5],
        ...ADA,
        isExpired: false,
      },
    ]);
  });

  it.each([
    { what: 'applies to nothing here', applies: { variant: 'elsewhere' }, options: {} },
    { what: 'gave way to --threshold', applies: { case: 'general' }, options: { threshold: 0.8 } },
  ])('is said, and refused by nobody, of a rule that $what', ({ applies, options }) => {
    const content = {
      rules: [{ id: 'mine', instead: 'pcc-minimum', applies, threshold: 0.9 }],
      expected: [{ rule: 'mine', ...ADA }],
    };
    const { judge, notes } = resolve(content, options);
    expect(judge).not.toHaveProperty('expected');
    expect(notes).toContain('what a/qwen-pcc.config.json expects of mine applies to nothing here');
  });
});

it('resolves to the same rules beside a ladder', () => {
  const rung = { model: 'tiny', device: { kind: 'onnx', precision: 'bf16' } } as const;
  const laddered = CASES.map((one) => ({
    ...one,
    variants: [...one.variants, { ...rung, name: 'n150/bf16', ladder: { rung: 'bf16', of: 'n150' } } as const],
  }));
  const content = {
    rules: [{ id: 'mine', instead: 'pcc-minimum', applies: { variant: 'n150*' }, threshold: 0.9 }],
    expected: [{ rule: 'mine', applies: { variant: '*' }, ...ADA }],
  };
  expect(resolve(content).judge.pccMinimum).toBe(0.9);
  expect(resolve(content, { cases: laddered })).toEqual(resolve(content));
});
