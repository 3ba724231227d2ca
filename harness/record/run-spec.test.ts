// What a run is asked to do: its units in order, how much they can bring, and where two specs differ.
import { describe, expect, it } from 'vitest';
import {
  type CaseSpec,
  firstDifference,
  type PromptSpec,
  type RunSpec,
  sequencesOf,
  tokensPlannedMax,
  unitsOf,
} from './run-spec.ts';

const prompt = (name: string, length = 4, more: Partial<PromptSpec> = {}): PromptSpec => ({
  name,
  user: 0,
  promptIds: new Array<number>(length).fill(1),
  continuationIds: null,
  positions: null,
  ...more,
});
const caseOf = (name: string, prompts: readonly PromptSpec[], variants: readonly string[]): CaseSpec => ({
  name,
  model: 'm',
  reference: { kind: 'onnx', precision: 'fp32' },
  tokenizerSha256: '0',
  eosTokenIds: [],
  prompts,
  variants: variants.map((variant) => ({ name: variant, model: 'm', device: { kind: 'n150', knobs: {} } })),
});
const limits = { maxNewTokens: 5, maxSeqLen: 16 };

describe('the units of a run', () => {
  const cases = [
    caseOf('a', [prompt('p'), prompt('q', 4, { user: 2 })], ['v', 'w']),
    caseOf('b', [prompt('p')], ['v']),
  ];
  const spec: RunSpec = {
    mode: 'teacherForced',
    limits,
    judge: { semantics: 'strict', pccMinimum: 0.9, rules: [] },
    cases,
  };

  it('are the prompts of each case in order, each with all variants', () => {
    expect(unitsOf(spec).map((unit) => [unit.case.name, unit.prompt.name])).toEqual([
      ['a', 'p'],
      ['a', 'q'],
      ['b', 'p'],
    ]);
    expect(sequencesOf(unitsOf(spec)[1]!)).toEqual([
      { case: 'a', variant: 'v', prompt: 'q', user: 2 },
      { case: 'a', variant: 'w', prompt: 'q', user: 2 },
    ]);
  });
});

describe('tokensPlannedMax', () => {
  it.each([
    { name: 'prompt and new tokens', length: 4, expected: 9 },
    { name: 'prompt and a short continuation', length: 4, continuation: 2, expected: 6 },
    { name: 'a long continuation whole', length: 4, continuation: 9, expected: 13 },
    { name: 'no more than the longest sequence', length: 14, expected: 16 },
    { name: 'a prompt that is longer than that', length: 20, expected: 20 },
    { name: 'only the positions that are asked for', length: 4, positions: [0, 3], expected: 2 },
  ])('counts $name', ({ length, continuation, positions, expected }) => {
    const continuationIds = continuation === undefined ? null : new Array<number>(continuation).fill(1);
    expect(tokensPlannedMax(prompt('a', length, { continuationIds, positions: positions ?? null }), limits)).toBe(
      expected,
    );
  });
});

describe('firstDifference', () => {
  const a = { limits: { maxNewTokens: 5 }, cases: [{ name: 'a' }, { name: 'b', prompts: [1, 2] }], note: null };

  it('is none between equal values', () => {
    expect(firstDifference(a, structuredClone(a), '')).toBeUndefined();
  });

  it.each([
    { b: { ...a, limits: { maxNewTokens: 6 } }, path: 'limits.maxNewTokens', was: '5', is: '6' },
    {
      b: { ...a, cases: [{ name: 'a' }, { name: 'b', prompts: [1, 3] }] },
      path: 'cases[1].prompts[1]',
      was: '2',
      is: '3',
    },
    { b: { ...a, cases: [{ name: 'a' }] }, path: 'cases[1]', was: '{"name":"b","prompts":[1,2]}', is: 'nothing' },
    { b: { ...a, more: true }, path: 'more', was: 'nothing', is: 'true' },
    { b: { ...a, note: {} }, path: 'note', was: 'null', is: '{}' },
    { b: { ...a, note: 'null' }, path: 'note', was: 'null', is: '"null"' },
    { b: { ...a, limits: 'none' }, path: 'limits', was: '{"maxNewTokens":5}', is: '"none"' },
  ])('is $path, with both values', ({ b, path, was, is }) => {
    expect(firstDifference(a, b, '')).toEqual({ path, a: was, b: is });
  });

  it('begins with the place that it was given', () => {
    expect(firstDifference({ x: 1 }, { x: 2 }, 'case a')).toEqual({ path: 'case a.x', a: '1', b: '2' });
    expect(firstDifference(1, 2, 'case a')).toEqual({ path: 'case a', a: '1', b: '2' });
  });

  it('shows 80 characters of a long value', () => {
    const [exact, longer] = ['x'.repeat(78), 'x'.repeat(79)];
    expect(firstDifference(exact, longer, '')).toEqual({ path: '', a: `"${exact}"`, b: `"${longer}…` });
  });
});
