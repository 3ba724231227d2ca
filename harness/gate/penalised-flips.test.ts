// Flips that all turn away from the context: a repetition penalty on one side.
import { describe, expect, it } from 'vitest';
import type { TokenRecord } from '../record/token-record.ts';
import { evaluateGate } from './evaluate-gate.fixture.ts';
import { shortRunRules } from './gate-run.fixture.ts';
import { recordExample } from './record.fixture.ts';

const TOKENS = 100;
/** A text of the tokens 1000, 1001, … in which golden chooses a token and the device another at some positions. */
const run = (
  choiceAt: (position: number) => { golden: number; actual: number } | null,
  changes: Partial<TokenRecord> = {},
): TokenRecord[] =>
  Array.from({ length: TOKENS }, (_, position) => {
    const top1 = choiceAt(position);
    const record = recordExample({ position }, top1 === null ? {} : { flip: 'real', rank: 2 });
    return {
      ...record,
      inputToken: { golden: 1000 + position, actual: 1000 + position },
      choice: { ...record.choice!, top1: top1 ?? record.choice!.top1 },
      ...changes,
    };
  });
const headlineOf = (...runs: TokenRecord[][]): string => {
  const plan = runs.map(([first]) => ({ ...first!, tokens: TOKENS, end: TOKENS }));
  return evaluateGate({ rules: shortRunRules, plan, records: runs.flat() }).headline;
};
const [IN, OUT] = [1000, 7];
const first = (count: number, golden: number, actual: number) => (position: number) =>
  position < count ? { golden, actual } : null;

/** 12 flips away from the context and 4 others. */
const mixed =
  (other: { golden: number; actual: number }) =>
  (position: number): { golden: number; actual: number } | null =>
    position >= 2 && position < 6 ? other : first(16, IN, OUT)(position);

describe('real flips', () => {
  it('that turn away from the context and never back look like a repetition penalty of the device', () => {
    expect(headlineOf(run(first(10, IN, OUT)))).toContain(
      "; 10 of 10 real flips turn from a token of the context to one outside it, none back: the device's rows look like scores after a repetition penalty, record the raw logits",
    );
  });

  it('that only turn to the context look like one of the reference', () => {
    expect(headlineOf(run(first(10, OUT, IN)))).toContain("the reference's rows look like scores after a repetition");
  });

  it.each([
    { name: 'nine of them', choiceAt: first(9, IN, OUT) },
    {
      name: 'one that turns to the context',
      choiceAt: (t: number) => (t === 5 ? { golden: OUT, actual: IN } : first(15, IN, OUT)(t)),
    },
    { name: 'a quarter within the context', choiceAt: mixed({ golden: IN, actual: 1001 }) },
    { name: 'a quarter outside the context', choiceAt: mixed({ golden: 8, actual: OUT }) },
    { name: 'tokens that come only later in the text', choiceAt: first(15, 1050, OUT) },
    { name: 'no flip', choiceAt: () => null },
  ])('say nothing of it with $name', ({ choiceAt }) => {
    expect(headlineOf(run(choiceAt))).not.toContain('repetition penalty');
  });

  it('of which a fifth is between other tokens still do', () => {
    const choiceAt = (t: number) => (t >= 2 && t < 5 ? { golden: 8, actual: OUT } : first(15, IN, OUT)(t));
    expect(headlineOf(run(choiceAt))).toContain('; 12 of 15 real flips turn');
  });

  it('of another kind do not count', () => {
    const ties = run(first(15, IN, OUT)).map((record) => ({
      ...record,
      choice: { ...record.choice!, flip: 'tie' as const },
    }));
    expect(headlineOf(ties)).not.toContain('repetition penalty');
  });

  it('see the context of their own sequence only', () => {
    const other = run(first(10, IN, OUT), { prompt: 'q' }).map((record) => ({
      ...record,
      inputToken: { golden: 5000, actual: 5000 },
    }));
    expect(
      headlineOf(
        run(() => null),
        other,
      ),
    ).not.toContain('repetition penalty');
  });

  it('are told with the variant where there are several', () => {
    const penalised = run(first(10, IN, OUT), { variant: 'w' });
    expect(
      headlineOf(
        run(() => null),
        penalised,
      ),
    ).toContain('; w: 10 of 10 real flips turn');
  });
});
