// Facts about the demo's loop: what is fed, when it stops, and that batches share nothing.
import { describe, expect, it } from 'vitest';
import { argmax, CHUNK_POSITIONS } from '../sequence/sequence.ts';
import { ToySource } from '../sequence/toy-source.fixture.ts';
import { type DemoRequest, runDemo } from './run-demo.ts';

const VOCABULARY = 50;
const promptIds = Int32Array.from({ length: 70 }, (_, i) => (i * 7) % VOCABULARY);
const request: DemoRequest = {
  promptIds,
  batches: 1,
  maxIterations: 9,
  maxSeqLen: 4096,
  eosTokenIds: [],
  isFastPrefill: false,
};

/** What greedy decoding gives: `count` tokens, each the argmax after all before it. */
async function greedyTokens(count: number): Promise<number[]> {
  const source = new ToySource(VOCABULARY);
  const tokens: number[] = [];
  let ids = promptIds;
  while (tokens.length < count) {
    await source.feed(ids, { rows: 'last' }, ({ logits }) => void tokens.push(argmax(logits)));
    ids = Int32Array.of(tokens.at(-1)!);
  }
  return tokens;
}

describe('runDemo', () => {
  it('decodes greedily, the first token by the prefill, one token a time', async () => {
    const device = new ToySource(VOCABULARY);
    const [batch] = await runDemo(device, request);
    expect(batch!.tokenIds).toEqual(await greedyTokens(10));
    expect(batch!.stop).toBe('max-new-tokens');
    expect(batch!.iterationMs).toHaveLength(9);
    expect(device.feeds).toEqual(new Array(70 + 9).fill(1));
  });

  it('feeds chunks with fast prefill and writes the same text', async () => {
    const long = { ...request, promptIds: new Int32Array(CHUNK_POSITIONS + 6).fill(5) };
    const device = new ToySource(VOCABULARY);
    const [inChunks] = await runDemo(device, { ...long, isFastPrefill: true });
    const [singly] = await runDemo(new ToySource(VOCABULARY), long);
    expect(inChunks!.tokenIds).toEqual(singly!.tokenIds);
    expect(device.feeds).toEqual([CHUNK_POSITIONS, 6, ...new Array(9).fill(1)]);
  });

  it('tells the device with every feed where the prompt ends, and asks for no row within it', async () => {
    const device = new ToySource(VOCABULARY);
    const told: string[] = [];
    const feed = device.feed.bind(device);
    device.feed = (ids, want, onRow) => {
      told.push(`${want.promptLength}:${want.rows}`);
      return feed(ids, want, onRow);
    };
    await runDemo(device, request);
    expect(told).toEqual([...new Array(69).fill('70:none'), ...new Array(10).fill('70:last')]);
  });

  it('takes the lowest id among equals', async () => {
    const device = new ToySource(VOCABULARY, (row) => ({ ...row, logits: row.logits.map((_, i) => (i < 3 ? 0 : 1)) }));
    const [batch] = await runDemo(device, { ...request, maxIterations: 2 });
    expect(batch!.tokenIds).toEqual([3, 3, 3]);
  });

  it('stops at the end-of-text token without appending it, and counts its iteration', async () => {
    const tokens = await greedyTokens(10);
    const eos = tokens[4]!;
    const first = tokens.indexOf(eos);
    const [batch] = await runDemo(new ToySource(VOCABULARY), { ...request, eosTokenIds: [eos] });
    expect(batch).toMatchObject({ tokenIds: tokens.slice(0, first), stop: 'eos' });
    expect(batch!.iterationMs).toHaveLength(first);
  });

  it('decodes nothing when the prefill already says end of text', async () => {
    const [eos] = await greedyTokens(1);
    const [batch] = await runDemo(new ToySource(VOCABULARY), { ...request, eosTokenIds: [eos!] });
    expect(batch).toMatchObject({ tokenIds: [], iterationMs: [], stop: 'eos' });
  });

  it('never feeds past the longest sequence', async () => {
    const device = new ToySource(VOCABULARY);
    const [batch] = await runDemo(device, { ...request, maxSeqLen: 73 });
    expect(batch).toMatchObject({ stop: 'max-seq-len' });
    expect(device.length).toBe(73);
    expect(batch!.tokenIds).toHaveLength(4);
  });

  it('clears the device between batches: each has the same text', async () => {
    const device = new ToySource(VOCABULARY);
    const batches = await runDemo(device, { ...request, batches: 3 });
    expect(batches.map(({ batch }) => batch)).toEqual([0, 1, 2]);
    for (const { tokenIds } of batches) expect(tokenIds).toEqual(batches[0]!.tokenIds);
    expect(device.length).toBe(70 + 9);
  });

  it('notices a device that does not forget by its positions', async () => {
    const device = new ToySource(VOCABULARY);
    device.truncate = () => Promise.resolve();
    await expect(runDemo(device, { ...request, batches: 2 })).rejects.toMatchObject({
      code: 'CONTEXT_DIFFERS',
      exitCode: 4,
    });
  });

  it('notices a device that does not forget by its text', async () => {
    let fed = 0;
    const device = new ToySource(VOCABULARY, (row) => ({ ...row, position: row.position - fed }));
    device.truncate = () => {
      fed = device.length;
      return Promise.resolve();
    };
    await expect(runDemo(device, { ...request, batches: 2 })).rejects.toMatchObject({
      code: 'BATCHES_DIFFER',
      exitCode: 3,
    });
  });

  it('refuses logits without a number', async () => {
    const device = new ToySource(VOCABULARY, (row) => ({ ...row, logits: row.logits.fill(Number.NaN) }));
    await expect(runDemo(device, request)).rejects.toMatchObject({
      code: 'DEVICE_NOT_FINITE',
      facts: { position: 69 },
    });
  });

  it.each([
    { where: 'the first', at: 0 },
    { where: 'the second', at: 1 },
  ])('keeps earlier batches when interrupted in the prefill of $where', async ({ at }) => {
    const controller = new AbortController();
    const batches = await runDemo(new ToySource(VOCABULARY), {
      ...request,
      batches: 3,
      signal: controller.signal,
      onPrefill: (batch, positions) => {
        if (batch === at && positions === 30) controller.abort();
      },
    });
    expect(batches.map(({ stop }) => stop)).toEqual([...new Array(at).fill('max-new-tokens'), 'interrupted']);
    expect(batches.at(-1)).toMatchObject({ tokenIds: [], prefillMs: undefined });
  });

  it('keeps the tokens of an interrupted decode', async () => {
    const controller = new AbortController();
    const seen: number[] = [];
    const batches = await runDemo(new ToySource(VOCABULARY), {
      ...request,
      signal: controller.signal,
      onIteration: ({ tokenIds, iterationMs }) => {
        seen.push(tokenIds.length);
        if (iterationMs.length === 3) controller.abort();
      },
    });
    expect(seen).toEqual([2, 3, 4]);
    expect(batches).toMatchObject([{ tokenIds: await greedyTokens(4), stop: 'interrupted' }]);
  });
});
