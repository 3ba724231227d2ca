// What a misfed model hands out is the row of the tokens that it was really fed, under the name of those that it was asked for.
import { describe, expect, it } from 'vitest';
import { ToySource } from '../sequence/toy-source.fixture.ts';
import { MisfedSource, type Misfeed } from './misfed-source.ts';

const V = 16;

async function rowsOf(
  ids: readonly number[],
  source = new ToySource(V) as ToySource | MisfedSource,
): Promise<number[][]> {
  const rows: number[][] = [];
  await source.feed(Int32Array.from(ids), { rows: 'all', promptLength: 2 }, ({ position, tokenId, logits }) => {
    rows.push([position, tokenId, ...logits]);
  });
  return rows;
}

const misfed = (misfeed: Misfeed): MisfedSource => new MisfedSource(new ToySource(V), new ToySource(V).info, misfeed);
const values = (rows: number[][]): number[][] => rows.map((row) => row.slice(2));

describe('MisfedSource', () => {
  it('claims the tokens that it was asked for, and computes those that it was fed', async () => {
    const rows = await rowsOf([3, 4, 5], misfed({ feed: ({ tokenId }) => [tokenId + 1] }));
    expect(rows.map(([position, tokenId]) => [position, tokenId])).toEqual([
      [0, 3],
      [1, 4],
      [2, 5],
    ]);
    expect(values(rows)).toEqual(values(await rowsOf([4, 5, 6])));
  });

  it('hands out the row of the last of several tokens', async () => {
    const twice = misfed({ feed: ({ tokenId, position }) => (position === 0 ? [tokenId, tokenId] : [tokenId]) });
    expect(values(await rowsOf([3, 4], twice))).toEqual(values(await rowsOf([3, 3, 4])).slice(1));
  });

  it('forgets before a token, and keeps what it should forget', async () => {
    const loses = misfed({ feed: ({ tokenId }) => [tokenId], forgets: ({ position }) => position === 1 });
    expect(values(await rowsOf([3, 4, 5], loses)).slice(1)).toEqual(values(await rowsOf([4, 5])));
    const keeps = misfed({ feed: ({ tokenId }) => [tokenId], keepsCache: true });
    await rowsOf([3, 4], keeps);
    await keeps.truncate();
    expect(keeps.length).toBe(0);
    expect(values(await rowsOf([5], keeps))).toEqual(values(await rowsOf([3, 4, 5])).slice(2));
  });

  it('knows its own choice of the row before', async () => {
    const own: (readonly number[])[] = [];
    const feed: Misfeed['feed'] = (place) => {
      own.push(place.own);
      return [place.tokenId];
    };
    await rowsOf([3, 4], misfed({ feed, isStepwise: true }));
    const [first] = values(await rowsOf([3]));
    expect(own[0]).toEqual([]);
    expect(own[1]![0]).toBe(first!.indexOf(Math.max(...first!)));
  });
});
