// Every breach of a source's contract, by the caller and by the source, tried on a toy.
import { describe, expect, it } from 'vitest';
import { DeviceError, InputError, InternalError, ReferenceFaultError, UsageError } from '../errors.ts';
import { checkedSource } from './checked-source.ts';
import type { FeedRequest, LogitsRow, LogitsSource, RowSink } from './logits-source.ts';
import { openFixture } from './n150/graph.fixture.ts';
import type { TapName } from './taps.ts';

const V = 5;
const model = openFixture('tiny-qwen2').config;
const H = model.hiddenSize;
const TAP = 'norm.out';

type Row = { -readonly [Key in keyof LogitsRow]: LogitsRow[Key] };

/** What a toy does otherwise than the contract says. */
interface Faults {
  readonly kind?: LogitsSource['info']['kind'];
  readonly vocabSize?: number;
  readonly rows?: (rows: Row[]) => Row[];
  readonly lengthAfterFeed?: (length: number) => number;
  readonly lengthAfterTruncate?: (length: number) => number;
  readonly failsAt?: number;
}

interface Toy extends LogitsSource {
  /** Calls that reached it. */
  readonly calls: string[];
}

function toy(faults: Faults = {}): Toy {
  const ids: number[] = [];
  let length = 0;
  const calls: string[] = [];
  return {
    calls,
    info: {
      kind: faults.kind ?? 'process',
      label: 'toy',
      model: 'toy',
      weightsSha256: '0',
      dtypes: {},
      logitsFormat: 'F32',
      settings: {},
    },
    vocabSize: faults.vocabSize ?? V,
    taps: [TAP, 'embed_tokens.out'],
    get length() {
      return length;
    },
    async feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
      calls.push(`feed ${tokenIds.length}`);
      const first = length;
      ids.push(...tokenIds);
      const firstWanted = { all: 0, last: tokenIds.length - 1, none: tokenIds.length }[want.rows];
      const rows = [...tokenIds].slice(Math.max(0, firstWanted)).map((tokenId, i): Row => {
        const taps = new Map((want.taps ?? []).map((tap) => [tap, new Float32Array(H)]));
        return { position: first + firstWanted + i, tokenId, logits: new Float32Array(V), taps };
      });
      for (const row of faults.rows?.(rows) ?? rows) {
        if (row.position === faults.failsAt) throw new Error('the cable came off');
        await onRow(row);
      }
      length = (faults.lengthAfterFeed ?? ((own) => own))(first + tokenIds.length);
    },
    async truncate(to: number): Promise<void> {
      calls.push(`truncate ${to}`);
      length = (faults.lengthAfterTruncate ?? ((own) => own))(to);
    },
    async close(): Promise<void> {
      calls.push('close');
    },
  };
}

const device = (source: LogitsSource): LogitsSource => checkedSource(source, 'device', model);
const IDS = Int32Array.of(1, 2, 3);
const ignore = (): void => {};

async function rowsOf(source: LogitsSource, want: FeedRequest, ids: Int32Array = IDS): Promise<LogitsRow[]> {
  const rows: LogitsRow[] = [];
  await source.feed(ids, want, (row) => void rows.push(row));
  return rows;
}

describe('a source that keeps its contract', () => {
  it.each([
    { rows: 'all', positions: [0, 1, 2] },
    { rows: 'last', positions: [2] },
    { rows: 'none', positions: [] },
  ] as const)('goes through with its rows as they are ($rows)', async ({ rows, positions }) => {
    const source = device(toy());
    const found = await rowsOf(source, { rows, taps: [TAP] });
    expect(found.map(({ position, tokenId, taps }) => [position, tokenId, [...taps.keys()]])).toEqual(
      positions.map((position) => [position, IDS[position], [TAP]]),
    );
    expect(source.length).toBe(3);
    await source.truncate(1);
    expect((await rowsOf(source, { rows: 'all' })).map(({ position }) => position)).toEqual([1, 2, 3]);
    expect(await rowsOf(source, { rows: 'last' }, new Int32Array(0))).toEqual([]);
    await source.truncate(0);
    await source.close();
  });

  it('may leave out a tap that it has not at this place, and as a recording a row', async () => {
    const withoutTap = toy({ rows: (rows) => rows.map((row) => ({ ...row, taps: new Map() })) });
    expect(await rowsOf(device(withoutTap), { rows: 'all', taps: [TAP] })).toHaveLength(3);
    for (const kind of ['capture', 'golden-file'] as const) {
      const sparse = toy({ kind, rows: (rows) => rows.filter(({ position }) => position !== 1) });
      expect((await rowsOf(device(sparse), { rows: 'all' })).map(({ position }) => position)).toEqual([0, 2]);
    }
  });

  it('says which positions and formats a recording has, as the recording does', () => {
    const recording = {
      ...toy({ kind: 'capture' }),
      positions: () => Int32Array.of(4, 7),
      logitsFormatOf: () => 'BF16' as const,
    };
    expect(device(recording).positions?.('any')).toEqual(Int32Array.of(4, 7));
    expect(device(recording).logitsFormatOf?.('any')).toBe('BF16');
    expect(device(toy()).positions).toBeUndefined();
    expect(device(toy()).logitsFormatOf).toBeUndefined();
  });

  it('is closed once, however often that is asked for', async () => {
    const inner = toy();
    const source = device(inner);
    await source.close();
    await source.close();
    expect(inner.calls).toEqual(['close']);
  });
});

describe('a call that breaks the contract does not reach the source', () => {
  type Call = (source: LogitsSource) => Promise<unknown>;
  const SOURCE_CALL = { type: InternalError, code: 'SOURCE_CALL' };
  const calls: readonly { name: string; call: Call; type: new (...args: never[]) => Error; code: string }[] = [
    {
      name: 'a negative id',
      call: (source) => rowsOf(source, { rows: 'all' }, Int32Array.of(1, -1)),
      type: InputError,
      code: 'TOKEN_ID',
    },
    {
      name: 'an id of V',
      call: (source) => rowsOf(source, { rows: 'none' }, Int32Array.of(V)),
      type: InputError,
      code: 'TOKEN_ID',
    },
    {
      name: 'ids with fractions',
      call: (source) => source.feed([1.5] as unknown as Int32Array, { rows: 'all' }, ignore),
      ...SOURCE_CALL,
    },
    { name: 'rows of no kind', call: (source) => source.feed(IDS, { rows: 'some' as 'all' }, ignore), ...SOURCE_CALL },
    {
      name: 'a tap that the source has not',
      call: (source) => rowsOf(source, { rows: 'all', taps: ['layers.0.out'] }),
      type: UsageError,
      code: 'TAP_UNKNOWN',
    },
    {
      name: 'a tap of no table',
      call: (source) => rowsOf(source, { rows: 'all', taps: ['norm' as TapName] }),
      type: UsageError,
      code: 'TAP_UNKNOWN',
    },
    { name: 'truncate to a fraction', call: (source) => source.truncate(1.5), ...SOURCE_CALL },
    { name: 'truncate to less than nothing', call: (source) => source.truncate(-1), ...SOURCE_CALL },
    { name: 'truncate to no number', call: (source) => source.truncate(Number.NaN), ...SOURCE_CALL },
    { name: 'truncate beyond the end', call: (source) => source.truncate(4), ...SOURCE_CALL },
  ];

  it.each(calls)('$name', async ({ call, type, code }) => {
    const inner = toy();
    const source = device(inner);
    await rowsOf(source, { rows: 'none' });
    const outcome = call(source);
    await expect(outcome).rejects.toThrow(type);
    await expect(outcome).rejects.toMatchObject({ code });
    expect(inner.calls).toEqual(['feed 3']);
    // Nothing happened, so the sequence goes on.
    expect((await rowsOf(source, { rows: 'last' })).map(({ position }) => position)).toEqual([5]);
  });

  it.each<{ name: string; call: Call }>([
    { name: 'feed', call: (source) => rowsOf(source, { rows: 'all' }) },
    { name: 'truncate', call: (source) => source.truncate(0) },
  ])('$name after close', async ({ call }) => {
    const inner = toy();
    const source = device(inner);
    await source.close();
    await expect(call(source)).rejects.toThrow(InternalError);
    await expect(call(source)).rejects.toThrow(/of a source that is closed/);
    expect(inner.calls).toEqual(['close']);
  });

  it('feed and truncate while a feed runs', async () => {
    const source = device(toy());
    await source.feed(IDS, { rows: 'last' }, async () => {
      await expect(source.feed(IDS, { rows: 'all' }, ignore)).rejects.toThrow(/source that is working/);
      await expect(source.truncate(0)).rejects.toThrow(/source that is working/);
    });
    expect(source.length).toBe(3);
  });

  it('feed after a failed feed, until truncate(0) begins anew', async () => {
    const source = device(toy({ failsAt: 1 }));
    await expect(rowsOf(source, { rows: 'all' })).rejects.toThrow('the cable came off');
    await expect(rowsOf(source, { rows: 'all' })).rejects.toThrow(/source that is broken off/);
    await source.truncate(0);
    expect(await rowsOf(source, { rows: 'last' })).toHaveLength(1);
  });

  it('keeps what the sink throws as it is', async () => {
    const error = new Error('the disk is full');
    const source = device(toy());
    const fed = source.feed(IDS, { rows: 'all' }, () => {
      throw error;
    });
    await expect(fed).rejects.toBe(error);
  });
});

describe('a source that breaks its contract', () => {
  const change = (index: number, other: Partial<LogitsRow>) => (rows: Row[]) =>
    rows.map((row, i) => (i === index ? { ...row, ...other } : row));
  const width = (length: number): LogitsRow['taps'] => new Map([[TAP, new Float32Array(length)] as const]);
  const faults: readonly (Faults & { readonly name: string; readonly want?: FeedRequest })[] = [
    { name: 'a row too few', rows: (rows) => rows.slice(0, 2) },
    { name: 'no row at all', rows: () => [] },
    { name: 'a row too many', rows: (rows) => [...rows, { ...rows[2]!, position: 3 }] },
    { name: 'a row twice', rows: (rows) => [...rows, rows[2]!] },
    { name: 'rows out of order', rows: (rows) => [rows[1]!, rows[0]!, rows[2]!] },
    { name: 'a recorded row out of order', kind: 'capture', rows: (rows) => [rows[1]!, rows[0]!] },
    { name: 'a recorded row beyond the feed', kind: 'golden-file', rows: change(2, { position: 3 }) },
    {
      name: 'rows that nobody wants',
      rows: (rows) => [{ position: 2, tokenId: 3, logits: new Float32Array(V), taps: new Map() }, ...rows],
      want: { rows: 'none' },
    },
    {
      name: 'all rows instead of the last',
      rows: (rows) => [{ ...rows[0]!, position: 1, tokenId: 2 }, ...rows],
      want: { rows: 'last' },
    },
    { name: 'a position one late', rows: (rows) => rows.map((row) => ({ ...row, position: row.position + 1 })) },
    { name: 'a position with a fraction', kind: 'capture', rows: change(0, { position: 0.5 }) },
    { name: 'the token of another position', rows: change(1, { tokenId: 3 }) },
    { name: 'logits one short', rows: change(1, { logits: new Float32Array(V - 1) }) },
    { name: 'logits with padding', rows: change(1, { logits: new Float32Array(V + 1) }) },
    { name: 'logits in float64', rows: change(0, { logits: new Float64Array(V) as unknown as Float32Array }) },
    { name: 'a tap of another width', rows: change(1, { taps: width(H - 1) }), want: { rows: 'all', taps: [TAP] } },
    { name: 'a tap that nobody asked for', rows: change(1, { taps: width(H) }) },
    { name: 'a length that does not count all tokens', lengthAfterFeed: (length) => length - 1 },
  ];

  it.each(faults)('is refused as the fault of its side: $name', async ({ want = { rows: 'all' }, ...own }) => {
    const onDevice = rowsOf(device(toy(own)), want);
    await expect(onDevice).rejects.toThrow(DeviceError);
    await expect(onDevice).rejects.toMatchObject({ code: 'SOURCE_CONTRACT' });
    const onReference = rowsOf(checkedSource(toy(own), 'reference', model), want);
    await expect(onReference).rejects.toThrow(ReferenceFaultError);
  });

  it('does not hand the breaking row out', async () => {
    const positions: number[] = [];
    const source = device(toy({ rows: change(1, { tokenId: 4 }) }));
    await expect(source.feed(IDS, { rows: 'all' }, ({ position }) => void positions.push(position))).rejects.toThrow(
      DeviceError,
    );
    expect(positions).toEqual([0]);
  });

  it('is refused when it does not forget what truncate takes away', async () => {
    const source = device(toy({ lengthAfterTruncate: (length) => length + 1 }));
    await rowsOf(source, { rows: 'none' });
    await expect(source.truncate(1)).rejects.toThrow(DeviceError);
  });

  it.each([0, -1, 1.5, Number.NaN])('is refused when it is opened with a vocabulary of %s', (vocabSize) => {
    expect(() => device(toy({ vocabSize }))).toThrow(DeviceError);
  });
});
