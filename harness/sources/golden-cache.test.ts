// The golden cache around toys: what is read, what is made, what is kept, and what is never trusted.
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { LogitsSource, SourceInfo } from '../../src/device/logits-source.ts';
import { ToySource } from '../sequence/toy-source.fixture.ts';
import { ALL, filesOf, KEY, keep, openCached, plain, rowsOf, V } from './golden-cached.fixture.ts';
import { goldenFolderName, thisMaker } from './golden-key.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-golden-'));
afterAll(() => rmSync(scratch, { recursive: true }));

let folders = 0;
const newFolder = (): string => path.join(scratch, `${folders++}`);

const TEXT = [[3, 1, 4], [1], [5], [9]];

describe('rows that are kept', () => {
  it('are read the second time, and nothing is opened for them', async () => {
    const folder = newFolder();
    expect((await keep(folder, TEXT)).use).toEqual({ rowsRead: 0, rowsMade: 6, problem: null });
    const { opened, use } = await keep(folder, TEXT);
    expect({ opened, use }).toEqual({ opened: [], use: { rowsRead: 6, rowsMade: 0, problem: null } });
  });

  it('say of their source what the reference says, without it', async () => {
    const { source, opened } = await openCached(newFolder());
    expect([source.info, source.vocabSize, source.taps, source.length]).toEqual([KEY.info, V, [], 0]);
    expect(opened).toEqual([]);
  });

  it('are gone on from where they end, by a reference that was fed the same feeds', async () => {
    const folder = newFolder();
    await keep(folder, TEXT);
    const { opened, use } = await keep(folder, [...TEXT, [2], [6]]);
    expect(opened.map(({ feeds }) => feeds)).toEqual([[3, 1, 1, 1, 1, 1]]);
    expect(use).toEqual({ rowsRead: 6, rowsMade: 2, problem: null });
    expect((await keep(folder, [...TEXT, [2], [6]])).use).toEqual({ rowsRead: 8, rowsMade: 0, problem: null });
    expect((await keep(folder, TEXT)).opened).toEqual([]);
  });

  it('serve each text of a beginning that several have', async () => {
    const folder = newFolder();
    const texts = [7, 8].map((last) => [[1, 2, 3, 4], [5, last], [1], [last]]);
    for (const text of texts) await keep(folder, text);
    for (const text of texts) expect((await keep(folder, text)).use).toMatchObject({ rowsRead: 8, rowsMade: 0 });
    expect(filesOf(folder)).toHaveLength(3);
  });

  it('are none of the same tokens in other feeds: their last bits differ', async () => {
    const folder = newFolder();
    await keep(folder, TEXT);
    for (const text of [[[3, 1, 4, 1, 5, 9]], [[3], [1, 4], [1], [5], [9]], [[3, 1, 4], [1, 5], [9]]]) {
      expect((await keep(folder, text)).opened).toHaveLength(1);
    }
  });

  it('turn to the reference at the first other token, and to the disk again in the next sequence', async () => {
    const folder = newFolder();
    await keep(folder, TEXT);
    const { source, opened, use } = await openCached(folder);
    const other = [[3, 1, 4], [1], [6], [9]];
    expect(await rowsOf(source, other)).toEqual(await plain(other));
    expect(await rowsOf(source, TEXT)).toEqual(await plain(TEXT));
    expect(opened.map(({ feeds }) => feeds)).toEqual([[3, 1, 1, 1]]);
    expect(use).toMatchObject({ rowsRead: 4 + 6, rowsMade: 2 });
  });

  it('may hold NaN, bit for bit', async () => {
    const folder = newFolder();
    const bits = new Uint32Array(V).fill(0x7fc0_1234);
    const toy = new ToySource(V, (row) => ({ ...row, logits: new Float32Array(bits.buffer) }));
    const cached = await openCached(folder, { toy });
    await rowsOf(cached.source, [[1, 2]]);
    await cached.source.close();
    const { source, use } = await openCached(folder);
    const [, row] = await rowsOf(source, [[1, 2]]);
    expect(new Uint32Array(row!.logits.buffer)).toEqual(bits);
    expect(use.rowsRead).toBe(2);
  });
});

describe('what is not kept', () => {
  it.each([
    { what: 'rows of the last token alone', want: { rows: 'last' } },
    { what: 'no rows', want: { rows: 'none' } },
    { what: 'taps', want: { rows: 'all', taps: ['norm.out'] } },
  ] as const)('is asked of the reference: $what', async ({ want }) => {
    const folder = newFolder();
    const { source, opened, use } = await openCached(folder);
    expect(await rowsOf(source, TEXT, want)).toEqual(await plain(TEXT, want));
    await source.close();
    expect(opened).toHaveLength(1);
    expect(use.rowsRead).toBe(0);
    expect(() => filesOf(folder)).toThrow(/ENOENT/);
  });

  it('is asked for where the rows are there: no rows are read, others are made', async () => {
    const folder = newFolder();
    await keep(folder, TEXT);
    const { source, opened } = await openCached(folder);
    await rowsOf(source, TEXT, { rows: 'none' });
    expect(opened).toEqual([]);
    await source.feed(Int32Array.of(2), ALL, () => undefined);
    expect(opened.map(({ feeds }) => feeds)).toEqual([[3, 1, 1, 1, 1]]);
    await rowsOf(source, TEXT, { rows: 'last' });
    expect(opened[0]!.feeds.slice(5)).toEqual([3, 1, 1, 1]);
  });

  it('goes on after a cut as without a cache', async () => {
    const folder = newFolder();
    await keep(folder, TEXT);
    const { source } = await openCached(folder);
    const bare = new ToySource(V);
    for (const one of [source, bare]) {
      await rowsOf(one, TEXT);
      await one.truncate(2);
    }
    const next = async (one: LogitsSource): Promise<Float32Array | undefined> => {
      let logits: Float32Array | undefined;
      await one.feed(Int32Array.of(8), ALL, (row) => {
        logits = row.logits.slice();
      });
      return logits;
    };
    expect(await next(source)).toEqual(await next(bare));
    expect(source.length).toBe(3);
    const before = filesOf(folder);
    await source.close();
    expect(filesOf(folder)).toEqual(before);
  });

  it('are rows of a feed that failed, or that were made of other weights', async () => {
    const folder = newFolder();
    const failing = new ToySource(V, (row) => {
      if (row.position === 4) throw new Error('broken');
      return row;
    });
    const cached = await openCached(folder, { toy: failing });
    await expect(rowsOf(cached.source, TEXT)).rejects.toThrow('broken');
    await cached.source.close();
    const changed = await openCached(folder, { isChanged: true });
    await rowsOf(changed.source, TEXT);
    await changed.source.close();
    expect(filesOf(folder)).toEqual([]);
    expect(changed.use).toEqual({ rowsRead: 0, rowsMade: 6, problem: null });
    await keep(folder, TEXT);
  });
});

describe('a key', () => {
  const info = { ...KEY.info, configSha256: '1', settings: { onnxruntime: '1.2', threads: 2, precision: 'fp32' } };
  const own = goldenFolderName({ info, vocabSize: V });
  const others: readonly Partial<SourceInfo>[] = [
    { weightsSha256: '1' },
    { configSha256: '2' },
    { logitsFormat: 'BF16' },
    { dtypes: { logits: 'BF16' } },
    { settings: { ...info.settings, onnxruntime: '1.3' } },
    { settings: { ...info.settings, threads: 3 } },
    { settings: { ...info.settings, precision: 'bf16' } },
    { settings: { ...info.settings, chunk: 512 } },
  ];

  it.each(others)('of %o is another', async (other) => {
    expect(goldenFolderName({ info: { ...info, ...other }, vocabSize: V })).not.toBe(own);
    const folder = newFolder();
    await keep(folder, TEXT);
    const { source, use } = await openCached(folder, { key: { ...KEY, info: { ...KEY.info, ...other } } });
    await rowsOf(source, TEXT);
    expect(use).toMatchObject({ rowsRead: 0, rowsMade: 6 });
  });

  it('of another version, revision, processor or vocabulary is another', () => {
    const maker = thisMaker();
    const makers = [
      { ...maker, toolVersion: '0' },
      { ...maker, revision: maker.revision + 1 },
      { ...maker, processor: '' },
    ];
    const names = makers.map((one) => goldenFolderName({ info, vocabSize: V }, one));
    expect(new Set([own, ...names, goldenFolderName({ info, vocabSize: V + 1 })]).size).toBe(5);
  });

  it('does not depend on what the checkpoint is called, nor on the order of settings', () => {
    const { settings } = info;
    const turned = {
      ...info,
      model: 'b',
      label: 'b',
      settings: Object.fromEntries(Object.entries(settings).reverse()),
    };
    expect(goldenFolderName({ info: turned, vocabSize: V })).toBe(own);
  });
});

describe('a file that is not as it was written', () => {
  const LONG = [[3, 1, 4], [1], [5], [9], [2], [6]];

  it('is made again, wherever it was cut, and from where it is damaged', async () => {
    const folder = newFolder();
    await keep(folder, LONG);
    const [file] = filesOf(folder);
    const good = readFileSync(file!);
    for (const length of [0, 7, 100, good.length / 2, good.length - 40, good.length - 1]) {
      writeFileSync(file!, good.subarray(0, length));
      await keep(folder, LONG);
      expect((await keep(folder, LONG)).opened).toEqual([]);
    }
  });

  it('may be of another context, or no file at all', async () => {
    const folder = newFolder();
    await keep(folder, LONG);
    await keep(folder, [[2, 2]]);
    const [one, other] = filesOf(folder);
    const bytes = [readFileSync(one!), readFileSync(other!)];
    writeFileSync(one!, bytes[1]!);
    writeFileSync(other!, bytes[0]!);
    await keep(folder, LONG);
    await keep(folder, [[2, 2]]);
    rmSync(one!);
    mkdirSync(one!);
    for (const text of [LONG, [[2, 2]]]) await keep(folder, text);
    expect(readdirSync(path.dirname(one!)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

describe('the disk', () => {
  it('that refuses rows costs none of them', async () => {
    const folder = newFolder();
    writeFileSync(folder, 'a file');
    const { use } = await keep(folder, TEXT);
    expect(use).toEqual({ rowsRead: 0, rowsMade: 6, problem: 'rows were not kept: ENOTDIR' });
  });

  it('is full: rows are made, and said not to be kept', async () => {
    const folder = newFolder();
    const { source, use } = await openCached(folder);
    await rowsOf(source, TEXT);
    const [temporary] = filesOf(folder);
    rmSync(temporary!);
    // The name of the file is taken by a folder, so that it cannot be put in place.
    mkdirSync(temporary!.replace(/\.safetensors\..*$/, '.safetensors'));
    expect(await rowsOf(source, LONGER)).toEqual(await plain(LONGER));
    await source.close();
    expect(use).toMatchObject({ rowsMade: 6 + 9, problem: expect.stringMatching(/^rows were not kept: E[A-Z]+$/) });
    expect(filesOf(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('is rid of what killed writers left, and of nothing else', async () => {
    const folder = newFolder();
    await keep(folder, TEXT);
    const own = path.dirname(filesOf(folder)[0]!);
    const left = ['a.safetensors.999999999.0.data.tmp', 'a.safetensors.999999999.0.tmp'].map((name) =>
      path.join(own, name),
    );
    const others = [`a.safetensors.${process.pid}.0.tmp`, 'notes.tmp'].map((name) => path.join(own, name));
    for (const file of [...left, ...others]) {
      appendFileSync(file, 'half');
      utimesSync(file, 1, 1);
    }
    await keep(folder, LONGER);
    expect(
      filesOf(folder)
        .filter((name) => name.endsWith('.tmp'))
        .sort(),
    ).toEqual(others.sort());
  });

  it('may be written by two at once', async () => {
    const folder = newFolder();
    const pair = [await openCached(folder), await openCached(folder)];
    const rows = await Promise.all(pair.map(({ source }) => rowsOf(source, TEXT)));
    for (const one of rows) expect(one).toEqual(await plain(TEXT));
    await Promise.all(pair.map(({ source }) => source.close()));
    expect((await keep(folder, TEXT)).opened).toEqual([]);
    expect(filesOf(folder)).toHaveLength(1);
  });
});

const LONGER = [[2, 7, 1], [8], [2], [8], [1], [8], [2]];
