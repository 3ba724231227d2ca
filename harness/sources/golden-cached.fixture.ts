// A golden cache around toys: opened, fed, closed, and held against a toy without one.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import type { FeedRequest, LogitsSource } from '../../src/device/logits-source.ts';
import { ToySource } from '../sequence/toy-source.fixture.ts';
import { cachedReference, GoldenCacheUse } from './golden-cache.ts';
import { type GoldenKey, goldenFolderName } from './golden-key.ts';

export const V = 40;
export const ALL: FeedRequest = { rows: 'all' };
export const KEY: GoldenKey = { info: new ToySource(V).info, vocabSize: V };

export interface Cached {
  readonly source: LogitsSource;
  /** Every toy that was opened. */
  readonly opened: ToySource[];
  readonly use: GoldenCacheUse;
}

export async function openCached(
  folder: string,
  options: { key?: GoldenKey; isChanged?: boolean; toy?: ToySource } = {},
): Promise<Cached> {
  const { key = KEY, isChanged = false, toy } = options;
  const opened: ToySource[] = [];
  const use = new GoldenCacheUse();
  const openToy = async (): Promise<ToySource> => {
    const one = toy ?? new ToySource(V);
    opened.push(one);
    return one;
  };
  const requireUnchanged = async (): Promise<void> => {
    if (isChanged) throw new Error('other weights');
  };
  return { source: await cachedReference(key, folder, openToy, { use, requireUnchanged }), opened, use };
}

type Rows = readonly { readonly position: number; readonly tokenId: number; readonly logits: Float32Array }[];

/** Rows of a sequence that is fed in these pieces. */
export async function rowsOf(
  source: LogitsSource,
  feeds: readonly (readonly number[])[],
  want: FeedRequest = ALL,
): Promise<Rows> {
  const rows: { position: number; tokenId: number; logits: Float32Array }[] = [];
  await source.truncate(0);
  for (const feed of feeds) {
    await source.feed(Int32Array.from(feed), want, ({ position, tokenId, logits }) => {
      rows.push({ position, tokenId, logits: logits.slice() });
    });
  }
  return rows;
}

export const plain = (feeds: readonly (readonly number[])[], want: FeedRequest = ALL): Promise<Rows> =>
  rowsOf(new ToySource(V), feeds, want);

/** Feeds a sequence through a cache of its own and closes it. */
export async function keep(folder: string, feeds: readonly (readonly number[])[]): Promise<Cached> {
  const cached = await openCached(folder);
  expect(await rowsOf(cached.source, feeds)).toEqual(await plain(feeds));
  await cached.source.close();
  return cached;
}

export const filesOf = (folder: string): string[] => {
  const own = path.join(folder, goldenFolderName(KEY));
  return readdirSync(own).map((name) => path.join(own, name));
};
