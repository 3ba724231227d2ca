// Summaries and controls that the gate gives a report beside its verdict.
import { describe, expect, it } from 'vitest';
import type { GateRule } from '../record/rules.ts';
import type { Phase, TokenRecord } from '../record/token-record.ts';
import { createGate, type Gate } from './gate.ts';
import { shortRunRules } from './gate-run.fixture.ts';
import type { PlannedSequence } from './judged-sequences.ts';
import { type RecordNumbers, recordExample } from './record.fixture.ts';

type Place = Parameters<typeof recordExample>[0];
const rows = (place: Place, numbers: readonly Partial<RecordNumbers>[]): TokenRecord[] =>
  numbers.map((token, position) => recordExample({ ...place, position }, token));
function gateOf(records: readonly TokenRecord[], rules: readonly GateRule[] = shortRunRules): Gate {
  const gate = createGate(rules);
  for (const record of records) gate.add(record);
  return gate;
}
const planOf = (...places: readonly (Place & { tokens: number })[]): PlannedSequence[] =>
  places.map((place) => ({ case: 'c', variant: 'v', prompt: 'p', user: 0, end: place.tokens, ...place }));
const resultOf = (gate: Gate, plan: readonly PlannedSequence[], id: string) =>
  gate.conclude(plan).rules.find((rule) => rule.id === id)!;

describe('summaries', () => {
  const gate = gateOf([
    ...rows({ case: 'a', variant: 'v', prompt: 'p' }, [
      { pcc: 0.91, phase: 'prefill' },
      { pcc: 0.92, phase: 'firstDecode', flip: 'nearTie' },
    ]),
    ...rows({ case: 'a', variant: 'w', prompt: 'p' }, [{ pcc: 0.93, phase: 'prefill', flip: 'tie' }]),
    ...rows({ case: 'b', variant: 'v', prompt: 'p' }, [{ pcc: 0.94, phase: 'prefill', logRatio: 0.5 }]),
    ...rows({ case: 'b', variant: 'v', prompt: 'p', user: 1 }, [{ pcc: 0.95, phase: 'decode', logRatio: 0.5 }]),
  ]);

  it('of all tokens have every number', () => {
    expect(gate.summarizeAll()).toMatchObject({
      n: 5,
      pcc: { min: 0.91, max: 0.95, undefinedCount: 0 },
      flips: { real: 0, nearTie: 1, tie: 1 },
      maxAbs: 0.25,
      gain: 1,
      offset: 0.5,
      nmseDb: -26,
      pplRatio: { value: expect.closeTo(Math.exp(-0.2), 12) },
    });
  });

  it('of phases are there for the phases that were judged', () => {
    const summaries = gate.summarizePhases();
    expect(Object.entries(summaries).map(([phase, { n }]) => [phase, n])).toEqual([
      ['prefill', 3],
      ['firstDecode', 1],
      ['decode', 1],
    ]);
    expect(Object.keys(gate.summarizePhases(({ user }) => user === 1))).toEqual(['decode']);
  });

  it('of a variant are of that variant of that case', () => {
    const { all, byPhase } = gate.summarizeVariant('a', 'v');
    expect(all).toMatchObject({ n: 2, pcc: { min: 0.91, max: 0.92 } });
    expect(Object.keys(byPhase)).toEqual(['prefill', 'firstDecode']);
    expect(gate.summarizeVariant('b', 'v').all.n).toBe(2);
  });

  it('of a sequence are of that user, or null', () => {
    expect(gate.summarizeSequence({ case: 'b', variant: 'v', prompt: 'p', user: 1 })).toMatchObject({
      n: 1,
      pcc: { p50: 0.95 },
    });
    expect(gate.summarizeSequence({ case: 'b', variant: 'v', prompt: 'p', user: 2 })).toBeNull();
  });

  it('of controls are of the tokens that have them', () => {
    const [first, ...others] = rows({}, [{}, {}, {}]);
    const controls = { pccPreviousGolden: null, pccPreviousActual: null, pccUnrelatedGolden: null };
    const spread = (value: number, reachMinimum: number) => {
      const quantiles = { min: value, p5: value, p50: value, p95: value, p99: value, max: value };
      return { n: 2, ...quantiles, reachMinimum };
    };
    expect(gateOf([{ ...first!, controls }, ...others]).controls(0.45)).toEqual({
      previous: spread(0.5, 1),
      next: spread(0.4, 0),
      unrelated: spread(0.3, 0),
      telling: { threshold: 0.51, ownBelow: 0 },
    });
    expect(gateOf([]).controls(0.45)).toEqual({ previous: null, next: null, unrelated: null, telling: null });
  });

  it('leave out what a token lacks', () => {
    const [bare] = rows({}, [{}]);
    const without = { ...bare!, moments: null, distribution: null, choice: null };
    const noText = { ...bare!, position: 1, distribution: { ...bare!.distribution!, textToken: null } };
    expect(gateOf([without, noText]).summarizeAll()).toMatchObject({
      n: 2,
      klNats: { p50: 0.001 },
      top1: 1,
      gain: 1,
      offset: 0.5,
      maxAbs: 0.25,
      nmseDb: -26,
      pplRatio: null,
    });
  });

  it('hold for more tokens than the gate has room for at first', () => {
    const many = gateOf(
      rows(
        {},
        Array.from({ length: 1000 }, (_, i) => ({ pcc: 0.9 + i / 20_000, gain: 1 + i })),
      ),
    );
    expect(many.summarizeAll()).toMatchObject({ n: 1000, pcc: { min: 0.9, max: 0.9 + 999 / 20_000 }, gain: 500.5 });
    expect(many.conclude(planOf({ tokens: 1000 })).rules.find(({ id }) => id === 'pcc-minimum')?.judged).toBe(1000);
  });
});

describe('the worst token', () => {
  const worstOf = (numbers: readonly Partial<RecordNumbers>[]) =>
    gateOf(rows({}, numbers)).conclude(planOf({ tokens: numbers.length })).worst;
  it.each([
    { name: 'the lowest PCC', numbers: [{ pcc: 0.9 }, { pcc: 0.85 }, { pcc: 0.88 }], position: 1 },
    { name: 'the first of equals', numbers: [{ pcc: 0.9 }, { pcc: 0.85 }, { pcc: 0.85 }], position: 1 },
    { name: 'a PCC that does not exist', numbers: [{ pcc: 0.2 }, { pcc: null }, { pcc: 0.1 }], position: 1 },
    { name: 'the first that does not exist', numbers: [{ pcc: null }, { pcc: null }, { pcc: 0.1 }], position: 0 },
    {
      name: 'a broken one, though others have lower PCCs',
      numbers: [{ pcc: 0.8 }, { pcc: 0.95, rank: 30 }],
      position: 1,
    },
  ])('is $name', ({ numbers, position }) => {
    expect(worstOf(numbers)?.position).toBe(position);
  });

  it('does not exist without tokens', () => {
    expect(worstOf([])).toBeNull();
  });
});

describe('the place that is named', () => {
  const plan = planOf({ prompt: 'z', tokens: 1 }, { prompt: 'a', tokens: 1 });
  const records = (gain: number) => [
    ...rows({ prompt: 'a' }, [{ pcc: 0.5, gain }]),
    ...rows({ prompt: 'z' }, [{ pcc: 0.5, gain }]),
  ];

  it('is the first of equals in the order of the plan, not of the run', () => {
    const verdict = gateOf(records(0.9)).conclude(plan);
    expect(verdict.firstFailure?.prompt).toBe('z');
    expect(verdict.worst?.prompt).toBe('z');
    for (const id of ['pcc-minimum', 'gain']) {
      expect(verdict.rules.find((rule) => rule.id === id)?.worstAt?.prompt).toBe('z');
    }
  });

  it('comes from the names where nothing was planned', () => {
    expect(gateOf(records(1).reverse()).conclude([]).firstFailure?.prompt).toBe('a');
    expect(gateOf(records(1)).conclude([]).firstFailure?.prompt).toBe('a');
  });

  it('of a rule that judges prompts or variants is the worst of them', () => {
    const gate = gateOf([
      ...rows({ prompt: 'z' }, [{ gain: 0.95, klNats: 0.1 }]),
      ...rows({ prompt: 'a' }, [{ gain: 0.9, klNats: 0.3 }]),
      ...rows({ prompt: 'b', variant: 'w' }, [{ gain: 0.99, klNats: 0.01 }]),
    ]);
    const all = planOf(
      { prompt: 'z', tokens: 1 },
      { prompt: 'a', tokens: 1 },
      { prompt: 'b', variant: 'w', tokens: 1 },
    );
    expect(resultOf(gate, all, 'gain')).toMatchObject({
      judged: 3,
      failures: 2,
      observed: expect.closeTo(0.1, 12),
      worstAt: { case: 'c', variant: 'v', prompt: 'a', user: 0, position: null },
    });
    expect(resultOf(gate, all, 'kl-mean')).toMatchObject({
      judged: 2,
      failures: 1,
      observed: expect.closeTo(0.2, 12),
      worstAt: { case: 'c', variant: 'v', prompt: null, user: null, position: null },
    });
    expect(resultOf(gate, all, 'coverage').worstAt).toEqual({
      case: 'c',
      variant: 'v',
      prompt: null,
      user: null,
      position: null,
    });
  });
});

describe('a rule of a phase', () => {
  const rulesFor = (phase: Phase): GateRule[] =>
    shortRunRules.map((rule) => (rule.id === 'pcc-minimum' || rule.id === 'gain' ? { ...rule, phase } : rule));
  const records = rows({}, [
    { phase: 'prefill', pcc: 0.5, gain: 0.5 },
    { phase: 'firstDecode' },
    { phase: 'decode' },
    { phase: 'decode' },
  ]);
  const plan = planOf({ tokens: 4 });

  it.each([
    { phase: 'prefill', judged: 1, status: 'fail' },
    { phase: 'firstDecode', judged: 1, status: 'pass' },
    { phase: 'decode', judged: 2, status: 'pass' },
  ] as const)('judges the $judged tokens of $phase and no others', ({ phase, judged, status }) => {
    const gate = gateOf(records, rulesFor(phase));
    expect(resultOf(gate, plan, 'pcc-minimum')).toMatchObject({ judged, status });
    expect(resultOf(gate, plan, 'gain')).toMatchObject({ judged: 1, status });
  });

  it('is missed only where the run has that phase', () => {
    const prefillOnly = gateOf(rows({}, [{ phase: 'prefill' }]), rulesFor('decode'));
    const verdict = prefillOnly.conclude(planOf({ tokens: 1 }));
    expect(verdict).toMatchObject({ status: 'pass', coverage: { rulesNeverTriggered: [] } });
    expect(verdict.coverage.rulesEvaluated).toBe(verdict.coverage.rulesPlanned - 2);
  });

  it('that a broken comparison leaves nothing to judge is missed', () => {
    const broken = records.map((record) => ({ ...record, contextHash: { golden: 'a', actual: 'b' } }));
    const verdict = gateOf(broken, rulesFor('decode')).conclude(plan);
    expect(verdict.coverage.rulesNeverTriggered).toContain('pcc-minimum');
  });
});

describe('a comparison found invalid', () => {
  it('counts in no aggregate', () => {
    const [good, bad] = rows({}, [{ klNats: 0.01 }, { klNats: 5, gain: 3, rank: 99 }]);
    const gate = gateOf([good!, { ...bad!, contextHash: { golden: 'a', actual: 'b' } }]);
    const plan = planOf({ tokens: 2 });
    expect(resultOf(gate, plan, 'kl-mean').observed).toBe(0.01);
    expect(resultOf(gate, plan, 'gain').observed).toBe(0);
    expect(resultOf(gate, plan, 'golden-rank').observed).toBe(1);
    expect(gate.conclude(plan).failingRules).toEqual(['same-context']);
  });

  it('is in every summary, by phase too: what was judged is said', () => {
    const [good, bad] = rows({}, [{}, { klNats: 5 }]);
    const gate = gateOf([good!, { ...bad!, contextHash: { golden: 'a', actual: 'b' } }]);
    expect(gate.summarizeAll()).toMatchObject({ n: 2, klNats: { max: 5 } });
    expect(gate.summarizePhases().prefill).toMatchObject({ n: 2, klNats: { max: 5 } });
  });
});

describe('rules that tokens were too few for', () => {
  it('are counted apart from those that judged and those that had nothing', () => {
    const rules = shortRunRules.map((rule) =>
      rule.id === 'top1' ? { ...rule, sampleMinimum: 9 } : rule,
    ) as GateRule[];
    const { coverage } = gateOf(rows({}, [{}]), rules).conclude(planOf({ tokens: 1 }));
    expect(coverage).toMatchObject({
      rulesPlanned: rules.length,
      rulesEvaluated: rules.length - 1,
      rulesNeverTriggered: [],
      rulesTooFewTokens: ['top1'],
    });
  });
});
