// Whole leagues of made-up entrants: without a difference hardly one says better or worse, a real one is found, and neighbours change no word.
import { describe, expect, it } from 'vitest';
import { ALPHA } from '../../paired/estimate.ts';
import { EIGHT_PROMPTS, SIXTEEN_PROMPTS } from '../../paired/made-up-differences.fixture.ts';
import { judgeEntrants, type League, type LeagueRow, type MetricReading } from './league.ts';
import { columnsFrom, type MadeUpLeague, madeUpLeague, type Side } from './made-up-league.fixture.ts';
import { pairedColumns } from './token-columns.ts';

const LEAGUES = 200;
/** What chance adds to the ends is small beside what differs between leagues. */
const RESAMPLING = { resamples: 300, seed: 1 };

function judge({ entrants, columnsOf }: MadeUpLeague): League {
  return judgeEntrants(entrants, columnsOf, { resampling: RESAMPLING });
}

/** A base and three entrants that err alike. */
const nulls = (nats: number, promptLogSd: number): Side[] =>
  ['base', 'a', 'b', 'c'].map((name) => ({ name, nats, promptLogSd }));

const rowOf = ({ rows }: League, label: string): LeagueRow => rows.find((row) => row.label === label)!;

describe('200 leagues of a base and three like it', () => {
  const sets = [
    { prompts: 8, lengths: EIGHT_PROMPTS },
    { prompts: 16, lengths: SIXTEEN_PROMPTS },
  ].flatMap((set) => [
    { ...set, effects: 'small', nats: 0.006, promptLogSd: 0.1 },
    { ...set, effects: 'large', nats: 0.03, promptLogSd: 0.4 },
  ]);

  it.each(sets)('say better or worse anywhere in 5 % at most: $prompts prompts, $effects prompt effects', (set) => {
    let wrong = 0;
    let wrongWithoutHolm = 0;
    for (let seed = 1; seed <= LEAGUES; seed++) {
      const { rows } = judge(madeUpLeague(nulls(set.nats, set.promptLogSd), set.lengths, seed));
      const said = rows.flatMap(({ word, readings }) => [word, ...readings.map((reading) => reading.word)]);
      if (said.includes('better') || said.includes('worse')) wrong++;
      const readings = rows.flatMap((row) => row.readings);
      if (readings.some(({ lower, upper }) => lower! > 0 || upper! < 0)) wrongWithoutHolm++;
    }
    expect(wrong).toBeLessThanOrEqual(LEAGUES * ALPHA);
    // The intervals alone would say too much, so that this test can fail.
    expect(wrongWithoutHolm).toBeGreaterThan(LEAGUES * ALPHA);
  });
});

describe('a real difference', () => {
  const SEEDS = 40;
  const rowsOf = (sides: readonly Side[], lengths: readonly number[], levelLogSd?: number): LeagueRow[] =>
    Array.from({ length: SEEDS }, (_, i) => rowOf(judge(madeUpLeague(sides, lengths, 1 + i, levelLogSd)), 'variant'));
  const wordsOf = (rows: readonly Pick<LeagueRow, 'word'>[]): string[] => [...new Set(rows.map(({ word }) => word))];

  it.each([
    { prompts: 8, lengths: EIGHT_PROMPTS },
    { prompts: 16, lengths: SIXTEEN_PROMPTS },
  ])('of 0.01 nat on every token is worse, beside entrants without one, with $prompts prompts', ({ lengths }) => {
    const sides: Side[] = [
      { name: 'base', nats: 0.006 },
      { name: 'like the base', nats: 0.006 },
      { name: 'variant', nats: 0.006, addedNats: 0.01 },
    ];
    expect(wordsOf(rowsOf(sides, lengths))).toEqual(['worse']);
  });

  // As BFP4_B in the MLP on the tiny checkpoint: 0.0013 … 0.016 nat a prompt become 0.019 … 0.38, each 13 to 25 times its own.
  const LEVELS = 1;
  const NEAR: Side = { name: 'base', nats: 0.006 };
  const FAR: Side = { name: 'variant', nats: 0.12, promptLogSd: 0.3 };

  it('of twenty times the KL is worse, though prompts differ so much that the mean KL alone is undecided', () => {
    const rows = rowsOf([NEAR, FAR], EIGHT_PROMPTS, LEVELS);
    expect(wordsOf(rows)).toEqual(['worse']);
    expect(rows.filter(({ readings }) => readings[0]!.word === 'undecided').length).toBeGreaterThan(SEEDS / 4);
  });

  it('is better where the entrant is the nearer one', () => {
    const rows = rowsOf(
      [
        { ...FAR, name: 'base' },
        { ...NEAR, name: 'variant' },
      ],
      EIGHT_PROMPTS,
      LEVELS,
    );
    expect(wordsOf(rows)).toEqual(['better']);
  });
});

/** Sums over tokens may round otherwise. */
function near({ difference, lower, upper, adjustedP, ...rest }: MetricReading): object {
  const numbers = Object.entries({ difference, lower, upper, adjustedP });
  return { ...rest, ...Object.fromEntries(numbers.map(([name, value]) => [name, expect.closeTo(value!, 9)])) };
}

describe('a league', () => {
  const sides: Side[] = [
    { name: 'base', nats: 0.006 },
    { name: 'like it', nats: 0.006 },
    { name: 'a little worse', nats: 0.009 },
    { name: 'worse', nats: 0.03, promptLogSd: 0.8 },
  ];
  const league = madeUpLeague(sides, EIGHT_PROMPTS, 7);
  const judged = judge(league);

  it('calls what is the same equivalent', () => {
    const columnsOf: MadeUpLeague['columnsOf'] = (name) => league.columnsOf(name === 'like it' ? 'base' : name);
    const { word, readings } = rowOf(judge({ ...league, columnsOf }), 'like it');
    expect(word).toBe('equivalent');
    expect(readings.map(({ difference }) => difference)).toEqual([0, 0, 0]);
  });

  it('says the same of each in any order of entrants', () => {
    const [base, ...others] = league.entrants;
    const turned = judge({ ...league, entrants: [...others.reverse(), base!] });
    for (const row of judged.rows) expect(rowOf(turned, row.label)).toEqual(row);
  });

  it('says the same in any order of prompts', () => {
    const turned = columnsFrom({ prompts: league.columnsOf('base')!.prompts.toReversed() });
    // The order is that of the first.
    const columnsOf: MadeUpLeague['columnsOf'] = (name) => pairedColumns([turned, league.columnsOf(name)!])[1];
    const { rows, prompts } = judge({ ...league, columnsOf });
    expect(prompts).toEqual(judged.prompts.toReversed());
    for (const [i, { word, readings }] of judged.rows.entries()) {
      expect(rows[i]).toMatchObject({ word, readings: readings.map((reading) => near(reading)) });
    }
  });

  it('that grows changes no number of the others but the p of Holm, and makes no word bolder', () => {
    const { rows } = judge({ ...league, entrants: league.entrants.slice(0, 3) });
    for (const row of rows) {
      const grown = rowOf(judged, row.label);
      const { word: _word, text: _text, readings, ...numbers } = row;
      expect(grown).toMatchObject(numbers);
      for (const [i, reading] of readings.entries()) {
        const { difference, lower, upper, method } = reading;
        expect(grown.readings[i]).toMatchObject({ difference, lower, upper, method });
        expect(grown.readings[i]!.adjustedP).toBeGreaterThanOrEqual(reading.adjustedP!);
      }
      if (row.word === 'undecided' || row.word === 'equivalent') expect(grown.word).toBe(row.word);
    }
  });
});
