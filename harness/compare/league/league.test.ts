// The words of a league: which readings make worse, better and equivalent, and what stands beside a word as its reason.
import { describe, expect, it } from 'vitest';
import { joinedWord } from '../../paired/joined-word.ts';
import { judgeEntrants } from './league.ts';
import { columnsFrom, entrantOf } from './made-up-league.fixture.ts';
import type { TokenColumns } from './token-columns.ts';

type Word = 'better' | 'worse' | 'equivalent' | 'undecided';
const readings = (kl: Word, log: Word, top1: Word, [ofKl, ofLog] = [0.1, 1]) => [
  { metric: 'KL', word: kl, difference: ofKl },
  { metric: 'log of KL', word: log, difference: ofLog },
  { metric: 'top-1', word: top1, difference: 0 },
];

describe('joinedWord', () => {
  it.each([
    { what: 'all that matters equivalent', of: readings('equivalent', 'undecided', 'equivalent'), word: 'equivalent' },
    { what: 'KL alone equivalent', of: readings('equivalent', 'undecided', 'undecided'), word: 'undecided' },
    {
      what: 'a direction within an equivalent KL',
      of: readings('equivalent', 'worse', 'equivalent'),
      word: 'equivalent',
    },
    { what: 'KL worse', of: readings('worse', 'undecided', 'equivalent'), word: 'worse' },
    { what: 'a direction while KL is open', of: readings('undecided', 'worse', 'undecided'), word: 'worse' },
    {
      what: 'a direction against the mean KL',
      of: readings('undecided', 'worse', 'undecided', [-0.1, 1]),
      word: 'undecided',
    },
    { what: 'a better direction', of: readings('undecided', 'better', 'equivalent', [-0.1, -1]), word: 'better' },
    {
      what: 'fewer choices kept beside an equivalent KL',
      of: readings('equivalent', 'undecided', 'worse'),
      word: 'worse',
    },
    { what: 'worse and better', of: readings('better', 'better', 'worse', [-0.1, -1]), word: 'worse' },
    { what: 'choices better beside an open KL', of: readings('undecided', 'undecided', 'better'), word: 'better' },
    { what: 'nothing known', of: readings('undecided', 'undecided', 'equivalent'), word: 'undecided' },
  ])('of $what is $word', ({ of, word }) => {
    expect(joinedWord(of)).toBe(word);
  });
});

const RESAMPLING = { resamples: 200, seed: 1 };
const PROMPTS = Array.from({ length: 8 }, (_, i) => ({ id: `p${i}`, tokens: 64 }));
const TOKENS = 8 * 64;
const wave = (from: number): number[] =>
  Array.from({ length: TOKENS }, (_, i) => from * (1 + 0.25 * Math.sign((i % 5) - 2)));
const judge = (columns: Readonly<Record<string, TokenColumns>>, base: string | undefined = 'base') =>
  judgeEntrants(
    Object.keys(columns).map((name) => entrantOf(name, name === base)),
    (name) => columns[name],
    { resampling: RESAMPLING },
  );

describe('judgeEntrants', () => {
  it('takes the difference from the base, token by token, and says so with its reason', () => {
    const near = columnsFrom({ prompts: PROMPTS, kl: wave(0.004) });
    const far = columnsFrom({ prompts: PROMPTS, kl: wave(0.024), hit: wave(1).map((_, i) => Number(i % 4 !== 0)) });
    const { rows, tokens, prompts } = judge({ base: near, far });
    expect({ tokens, prompts: prompts.length }).toEqual({ tokens: TOKENS, prompts: 8 });
    const [, row] = rows;
    expect(row!.readings[0]!.difference).toBeCloseTo(
      far.kl.reduce((a, b) => a + b) / TOKENS - near.kl.reduce((a, b) => a + b) / TOKENS,
      12,
    );
    expect(row!.readings[2]!.difference).toBeCloseTo(-0.25, 12);
    expect(row!.text).toMatch(
      /^KL worse \(\+0\.0\d+ nat\); log of KL worse \(\+1\.\d\d, about \d\.\d-fold\); top-1 worse \(-25\.00 points\)$/,
    );
  });

  it('without a base compares with golden itself, at which no KL and every choice is right', () => {
    const kl = wave(0.024);
    const { rows } = judge(
      { alone: columnsFrom({ prompts: PROMPTS, kl, hit: kl.map((_, i) => Number(i % 2)) }) },
      undefined,
    );
    expect(rows[0]).toMatchObject({ word: 'worse', total: { top1: 0.5 } });
    expect(rows[0]!.readings[2]!.difference).toBeCloseTo(-0.5, 12);
  });

  it('with a base that has no rows has no row at all', () => {
    const entrants = [entrantOf('base', true), entrantOf('other')];
    const columns = columnsFrom({ prompts: PROMPTS });
    const league = judgeEntrants(entrants, (name) => (name === 'other' ? columns : undefined), {
      resampling: RESAMPLING,
    });
    expect(league).toEqual({ rows: [], tokens: 0, prompts: [] });
  });

  it('leaves tokens without a next one out of the perplexity alone', () => {
    const logRatio = wave(0).map((_, i) => (i % 64 === 63 ? Number.NaN : -0.5));
    const base = columnsFrom({ prompts: PROMPTS, logRatio: logRatio.map((value) => value * 0) });
    const { rows } = judge({ base, other: columnsFrom({ prompts: PROMPTS, logRatio }) });
    expect(rows[1]!.perplexityRatio!.value).toBeCloseTo(Math.exp(0.5), 9);
    expect(rows[0]!.classical).toBeNull();
    expect(rows[1]!.classical).toMatchObject({ unit: expect.stringMatching(/prompts|blocks/) });
    expect(rows[1]!.text).toBe('equivalent');
  });

  it('holds KL to the margin that was asked for', () => {
    const columns = {
      base: columnsFrom({ prompts: PROMPTS }),
      other: columnsFrom({ prompts: PROMPTS, kl: wave(0.004) }),
    };
    const entrants = [entrantOf('base', true), entrantOf('other')];
    const wordAt = (klNats: number): string =>
      judgeEntrants(entrants, (name) => columns[name as 'base'], {
        margins: { klNats, top1: 0.01 },
        resampling: RESAMPLING,
      }).rows[1]!.word;
    expect([wordAt(0.005), wordAt(0.002)]).toEqual(['equivalent', 'worse']);
  });
});
