// Rows that are fed again where there is room for few of the first time's: what is not measured may still not be broken.
import { describe, expect, it } from 'vitest';
import { DEFAULT_TIE_ULPS } from '../metrics/flips.ts';
import { NO_SPREAD, NOT_REPEATED, type RepeatEvent } from '../record/repeat.ts';
import { type RowChange, ToySource } from '../sequence/toy-source.fixture.ts';
import { FeedRecorder } from './feed-recorder.ts';
import { FirstRows, repeatSequence } from './repeat-sequence.ts';

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
  return first.repeat(new FeedRecorder(new ToySource(VOCABULARY, change)), 'again', [IDS], { rows: 'all' });
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
  it('is unknown where rows differ and none of them is kept', async () => {
    const events = await Promise.all(
      [...all].map((position) =>
        again(
          ROOM_FOR_ONE,
          changed([position], (logits) => {
            logits[3]! += 0.5;
          }),
        ),
      ),
    );
    const known = events.filter(({ maxAbs }) => maxAbs > 0);
    expect(known).toHaveLength(1);
    expect(known[0]!.spread.pcc).toBeLessThan(1);
    for (const { spread } of events.filter(({ maxAbs }) => maxAbs === 0)) expect(spread).toEqual(NOT_REPEATED);
  });

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

/** Whose rows are wrong while another sequence of it is under way. */
class CrossTalking extends ToySource {
  readonly #busy: Set<ToySource>;

  constructor(busy: Set<ToySource> = new Set()) {
    super(VOCABULARY, (row) => {
      if (busy.size > 1) row.logits.reverse();
      return row;
    });
    this.#busy = busy;
  }

  override async feed(...args: Parameters<ToySource['feed']>): Promise<void> {
    this.#busy.add(this);
    await Promise.resolve();
    await super.feed(...args);
    this.#busy.delete(this);
  }

  override sequence(): CrossTalking {
    return new CrossTalking(this.#busy);
  }
}

describe('the other row of a batch', () => {
  const FEEDS = [IDS.subarray(0, 5), IDS.subarray(5, 6), IDS.subarray(6)];
  const repeated = async (source: ToySource): Promise<readonly (readonly [string, number])[]> => {
    const device = new FeedRecorder(source);
    const first = new FirstRows(KEY, 1, OPTIONS);
    for (const ids of FEEDS) {
      await device.feed(ids, { rows: 'all' }, (row) => first.add({ position: row.position, golden: row, actual: row }));
    }
    const events = await repeatSequence(first, device, device.feeds, { rows: 'all' });
    return events.map(({ way, equal }) => [way, equal] as const);
  };

  it('has a neighbour, so that rows that depend on one are found', async () => {
    const [again, cut, row] = await repeated(new CrossTalking());
    expect([again, cut]).toEqual([
      ['again', IDS.length],
      ['cut', IDS.length],
    ]);
    expect(row![1]).toBeLessThan(IDS.length);
  });

  it('is right of a device that has one sequence only, and of one whose sequences know nothing of each other', async () => {
    const alone = new ToySource(VOCABULARY);
    Object.assign(alone, { sequence: undefined });
    for (const source of [alone, new ToySource(VOCABULARY)]) {
      expect((await repeated(source)).map(([, equal]) => equal)).toEqual([IDS.length, IDS.length, IDS.length]);
    }
  });
});
