// The law of prompts that run together: each has the rows, tokens and end that it has alone, and never more golden rows wait than a chunk has.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.ts';
import { type LaneParts, runLockstep, runTogether } from './lockstep.ts';
import { argmax, type RowPair, type SequenceRequest } from './sequence.ts';
import { ToySource } from './toy-source.fixture.ts';

const V = 50;
const CHUNK = 8;

const noisy = (): ToySource =>
  new ToySource(V, (row) => {
    row.logits[row.position % V]! += 0.25;
    return row;
  });

const request = fc.record({
  length: fc.integer({ min: 1, max: 20 }),
  first: fc.integer({ min: 0, max: V - 1 }),
  forced: fc.option(fc.integer({ min: 0, max: 9 })),
  maxNewTokens: fc.integer({ min: 0, max: 11 }),
  eos: fc.integer({ min: 0, max: V - 1 }),
});

function requestOf(
  { length, first, forced, maxNewTokens, eos }: typeof request extends fc.Arbitrary<infer T> ? T : never,
  i: number,
) {
  const ids = (count: number, step: number): Int32Array =>
    Int32Array.from({ length: count }, (_, k) => (first + step * k) % V);
  return {
    prompt: `p${i}`,
    promptIds: ids(length, 7),
    maxNewTokens,
    maxSeqLen: 4096,
    eosTokenIds: [eos, (eos + 13) % V, (eos + 29) % V],
    chunkPositions: CHUNK,
    ...(forced === null ? {} : { continuationIds: ids(forced, 3) }),
  } satisfies SequenceRequest;
}

/** What a pair says, with a digest of both rows. */
const said = ({ golden, actual, ms: _ms, ...pair }: RowPair): string =>
  JSON.stringify({ ...pair, golden: [argmax(golden.logits), ...golden.logits], actual: [...actual.logits] });

function lane(wanted: SequenceRequest, reference: ToySource, device: ToySource, pairs: string[]): LaneParts {
  const sinks = { onPair: (_: number, pair: RowPair): void => void pairs.push(said(pair)) };
  return { reference, devices: [device], request: wanted, sinks, comparisons: [{ device: 0 }] };
}

describe('prompts together', () => {
  it('have the pairs and ends that each has alone', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 6 }), async (drawn) => {
        const requests = drawn.map(requestOf);
        const pairs = requests.map((): string[] => []);
        const ends = await runTogether(requests.map((one, i) => lane(one, new ToySource(V), noisy(), pairs[i]!)));
        for (const [i, one] of requests.entries()) {
          const alone: string[] = [];
          const outcome = await runLockstep(new ToySource(V), [noisy()], one, {
            onPair: (_, pair) => void alone.push(said(pair)),
          });
          expect(pairs[i]).toEqual(alone);
          expect(ends[i]).toEqual({ status: 'fulfilled', value: outcome });
        }
      }),
      { numRuns: 60, seed: 13 },
    );
  });

  it('advance together: the reference is fed a token of each in turn, the devices a chunk of all', async () => {
    const feeds: string[] = [];
    const told = (name: string): ToySource => {
      const source = new ToySource(V);
      const feed = source.feed.bind(source);
      source.feed = (ids, want, onRow) => {
        feeds.push(`${name} ${ids.length}`);
        return feed(ids, want, onRow);
      };
      return source;
    };
    const requests = [3, 4].map((length, i) =>
      requestOf({ length, first: i, forced: null, maxNewTokens: 5, eos: 0 }, i),
    );
    const free = requests.map((one) => ({ ...one, eosTokenIds: [] }));
    await runTogether(free.map((one, i) => lane(one, told(`r${i}`), told(`d${i}`), [])));
    const turn = ['r0 1', 'r1 1'];
    const known = ['r0 3', 'r1 4', 'd0 3', 'd1 4'];
    expect(feeds).toEqual([...known, ...turn, ...turn, ...turn, ...turn, 'd0 4', 'd1 4', ...turn, 'd0 1', 'd1 1']);
  });

  it('leave those after one whose error ends all, and finish those before it', async () => {
    const requests = [0, 1, 2].map((i) => requestOf({ length: 5, first: i, forced: 2, maxNewTokens: 0, eos: 0 }, i));
    const failing = (error: Error): ToySource =>
      new ToySource(V, (row) => {
        if (row.position === 5) throw error;
        return row;
      });
    const run = (error: Error) => {
      const devices = [new ToySource(V), failing(error), new ToySource(V)];
      const lanes = requests.map((one, i) => lane(one, new ToySource(V), devices[i]!, []));
      return runTogether(lanes, (reason) => !(reason instanceof InputError));
    };
    const alone = await run(new InputError('lacks a row', { code: 'ROW' }));
    expect(alone.map((end) => end?.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const all = await run(new Error('broken'));
    expect(all.slice(0, 2).map((end) => end?.status)).toEqual(['fulfilled', 'rejected']);
  });
});
