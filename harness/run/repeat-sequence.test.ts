// Rows that are fed again where there is room for few of the first time's: what is not measured may still not be broken.
import { describe, expect, it } from 'vitest';
import { DEFAULT_TIE_ULPS } from '../metrics/flips.ts';
import { NO_SPREAD, NOT_REPEATED, type RepeatEvent } from '../record/repeat.ts';
import { type RowChange, ToySource } from '../sequence/toy-source.fixture.ts';
import { FirstRows } from './repeat-sequence.ts';

const VOCABULARY = 40;
const IDS = Int32Array.of(3, 1, 4, 1, 5, 9, 2, 6);
const KEY = { case: 'a', variant: 'toy', prompt: 'first', user: 0 };
const OPTIONS = {
  vocabSize: VOCABULARY,
  logitsFormat: 'F32',
  tieUlps: DEFAULT_TIE_ULPS,
  semantics: 'strict',
  pccMinimum: 0.79,
} as const;
/** Of both sides. */
const ROOM_FOR_ONE = 8 * VOCABULARY;

/** Feeds a device that is right the first time, with room for `bytes` of its rows, and changed by `change` the second. */
async function again(bytes: number, change: RowChange): Promise<RepeatEvent> {
  const first = new FirstRows(KEY, 1, OPTIONS, bytes);
  await new ToySource(VOCABULARY).feed(IDS, { rows: 'all' }, (row) => {
    first.add({ position: row.position, golden: row, actual: row });
  });
  return first.repeat(new ToySource(VOCABULARY, change), 'again', [IDS], { rows: 'all' });
}

const changed =
  (positions: readonly number[], change: (logits: Float32Array) => void): RowChange =>
  (row) => {
    if (positions.includes(row.position)) change(row.logits);
    return row;
  };
const all = IDS.map((_, i) => i);
const breaks = (logits: Float32Array): void => void logits.fill(Number.NaN, 7, 9);

describe('a row that is no row the second time', () => {
  it.each([...all])('leaves no verdict known, kept or not: position %i', async (position) => {
    const event = await again(ROOM_FOR_ONE, changed([position], breaks));
    expect(event).toMatchObject({ rows: IDS.length, equal: IDS.length - 1, measured: 1 });
    expect(Object.values(event.spread)).toContain(Number.POSITIVE_INFINITY);
  });

  it('is known where none is kept of it', async () => {
    const spreads = await Promise.all(
      [...all].map(async (position) => (await again(ROOM_FOR_ONE, changed([position], breaks))).spread),
    );
    expect(spreads.filter((spread) => JSON.stringify(spread) === JSON.stringify(NOT_REPEATED)).length).toBeGreaterThan(
      IDS.length - 3,
    );
  });
});

describe('the spread', () => {
  it('is none of equal rows, and has regret and PCC of rows that choose another token', async () => {
    expect((await again(2 ** 20, (row) => row)).spread).toEqual(NO_SPREAD);
    const { spread, maxAbs } = await again(
      2 ** 20,
      changed([...all], (logits) => {
        logits[logits.indexOf(Math.max(...logits))]! -= 3;
      }),
    );
    expect(maxAbs).toBeCloseTo(3, 5);
    expect(spread.regretNats).toBeGreaterThan(0);
    expect(spread.pcc).toBeGreaterThan(0);
  });
});
