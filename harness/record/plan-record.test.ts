// Units of a plan: what they cost, and ids that follow their content and nothing else.
import { describe, expect, it } from 'vitest';
import { toyCase, toySpec } from '../run/toy-run.fixture.ts';
import { planUnits, specHash } from './plan-record.ts';

const spec = toySpec([toyCase('a'), toyCase('b')]);
const [first, second] = planUnits(spec);

describe('planUnits', () => {
  it('has a unit for each prompt of each case, in order, with what both sides are fed', () => {
    expect(
      planUnits(spec).map(({ index, case: one, prompt, positions, cost }) => [index, one, prompt, positions, cost]),
    ).toEqual([
      [0, 'a', 'first', 11, 22],
      [1, 'a', 'second', 12, 24],
      [2, 'a', 'third', 13, 26],
      [3, 'b', 'first', 11, 22],
      [4, 'b', 'second', 12, 24],
      [5, 'b', 'third', 13, 26],
    ]);
  });

  it('says where a text may end earlier: greedy ones alone', () => {
    const [one] = spec.cases;
    const forced = { ...one!.prompts[0]!, continuationIds: [1, 2] };
    const units = planUnits({ ...spec, cases: [{ ...one!, prompts: [forced, one!.prompts[1]!] }] });
    expect(units.map(({ positions, isUpperBound }) => [positions, isUpperBound])).toEqual([
      [7, false],
      [12, true],
    ]);
  });

  it('counts positions that are fed, judged or not', () => {
    const [one] = spec.cases;
    const sparse = { ...one!.prompts[0]!, continuationIds: [1, 2], positions: [3] };
    expect(planUnits({ ...spec, cases: [{ ...one!, prompts: [sparse] }] })[0]!.positions).toBe(7);
  });

  it('gives a unit the same id in every plan that asks the same of it', () => {
    const alone = { ...spec, cases: [{ ...spec.cases[0]!, prompts: [spec.cases[0]!.prompts[1]!] }] };
    expect(planUnits(alone)[0]!.id).toBe(second!.id);
    expect(specHash(alone)).toBe(second!.id);
    expect(second!.id).not.toBe(first!.id);
  });

  it('gives it another id where limits, rules, tokens or devices are others', () => {
    const [one] = spec.cases;
    const others = [
      { ...spec, limits: { ...spec.limits, maxNewTokens: 7 } },
      { ...spec, judge: { ...spec.judge, pccMinimum: 0.5 } },
      { ...spec, cases: [{ ...one!, prompts: [{ ...one!.prompts[0]!, promptIds: [1] }] }] },
      { ...spec, cases: [{ ...one!, variants: [{ ...one!.variants[0]!, name: 'other' }] }] },
    ];
    expect(new Set([first!.id, ...others.map((other) => planUnits(other)[0]!.id)]).size).toBe(5);
  });
});
