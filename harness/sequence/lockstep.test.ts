// Facts about teacher forcing: same tokens on both sides, bounded look-ahead, and nothing compared across contexts.
import { describe, expect, it } from 'vitest';
import { DeviceError } from '../../src/errors.ts';
import { runLockstep } from './lockstep.ts';
import { argmax, type RowPair, type SequenceRequest } from './sequence.ts';
import { TOY_REQUEST, ToySource } from './toy-source.fixture.ts';

async function pairsOf(reference: ToySource, device: ToySource, overrides: Partial<SequenceRequest> = {}) {
  const pairs: Omit<RowPair, 'golden' | 'actual' | 'ms'>[] = [];
  let largestDifference = 0;
  const onPair = (_device: number, { golden, actual, ms, ...rest }: RowPair): void => {
    expect(Math.min(ms.golden, ms.actual)).toBeGreaterThanOrEqual(0);
    pairs.push(rest);
    for (let i = 0; i < golden.logits.length; i++) {
      largestDifference = Math.max(largestDifference, Math.abs(golden.logits[i]! - actual.logits[i]!));
    }
  };
  const outcome = await runLockstep(reference, [device], { ...TOY_REQUEST, ...overrides }, { onPair });
  return { pairs, outcome, largestDifference };
}

describe('runLockstep', () => {
  it('hands out one pair for each position, in order, with the token that follows', async () => {
    const { pairs, outcome, largestDifference } = await pairsOf(new ToySource(50), new ToySource(50));
    expect(pairs.map((pair) => pair.position)).toEqual(Array.from({ length: 19 }, (_, i) => i));
    expect(pairs.map((pair) => pair.step).slice(9)).toEqual([null, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(pairs.map((pair) => pair.tokenId)).toEqual([...outcome.tokenIds]);
    expect(pairs.map((pair) => pair.nextTokenId)).toEqual([...outcome.tokenIds.subarray(1), undefined]);
    expect(largestDifference).toBe(0);
    expect(outcome).toMatchObject({ newTokens: 9, stopReason: 'max-new-tokens' });
  });

  it('feeds the reference greedy tokens of its own and the device the same in chunks', async () => {
    const reference = new ToySource(50);
    const device = new ToySource(50);
    const { outcome } = await pairsOf(reference, device);
    expect(reference.feeds).toEqual([4, 4, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    expect(device.feeds).toEqual([4, 4, 2, 4, 4, 1]);
    const replay = new ToySource(50);
    const greedy: number[] = [];
    await replay.feed(outcome.tokenIds, { rows: 'all' }, (row) => {
      greedy.push(argmax(row.logits));
    });
    expect([...outcome.tokenIds.subarray(10)]).toEqual(greedy.slice(9, -1));
  });

  it('tells both sides with every feed where the prompt ends', async () => {
    const told: (number | undefined)[] = [];
    const listening = (): ToySource => {
      const source = new ToySource(50);
      const feed = source.feed.bind(source);
      source.feed = (ids, want, onRow) => {
        told.push(want.promptLength);
        return feed(ids, want, onRow);
      };
      return source;
    };
    await pairsOf(listening(), listening());
    expect(told).toEqual(new Array(12 + 6).fill(10));
  });

  it('stops before the end-of-text token and does not feed it', async () => {
    const free = await pairsOf(new ToySource(50), new ToySource(50));
    const third = free.outcome.tokenIds[12]!;
    const first = [...free.outcome.tokenIds.subarray(10)].indexOf(third);
    const { outcome } = await pairsOf(new ToySource(50), new ToySource(50), { eosTokenIds: [third] });
    expect(outcome).toMatchObject({ newTokens: first, stopReason: 'eos' });
  });

  it('forces a given continuation, end-of-text included', async () => {
    const continuationIds = Int32Array.of(3, 1, 4, 1, 5);
    const { outcome } = await pairsOf(new ToySource(50), new ToySource(50), { continuationIds, eosTokenIds: [4] });
    expect([...outcome.tokenIds.subarray(10)]).toEqual([3, 1, 4, 1, 5]);
    expect(outcome.stopReason).toBe('continuation-end');
  });

  it('feeds a forced continuation together with the prompt, once a chunk to each side', async () => {
    const reference = new ToySource(50);
    const device = new ToySource(50);
    const continuationIds = Int32Array.of(7, 8, 9, 10, 11);
    const { outcome, pairs } = await pairsOf(reference, device, { continuationIds });
    expect(reference.feeds).toEqual([4, 4, 4, 3]);
    expect(device.feeds).toEqual([4, 4, 4, 3]);
    expect([...outcome.tokenIds.subarray(10)]).toEqual([...continuationIds]);
    expect(outcome).toMatchObject({ newTokens: 5, stopReason: 'continuation-end' });
    expect(pairs.map(({ step }) => step)).toEqual([...new Array(10).fill(null), 0, 1, 2, 3, 4]);
  });

  it('tells which side works on which positions, and the layers of a device that counts them', async () => {
    const device = new ToySource(50);
    const feed = device.feed.bind(device);
    device.feed = (ids, want, onRow) => {
      want.onLayer?.(1, 2);
      return feed(ids, want, onRow);
    };
    const stages: unknown[] = [];
    await pairsOf(new ToySource(50), device, { maxNewTokens: 0, onStage: (stage) => stages.push(stage) });
    const [first, second, third, ...rest] = stages;
    expect([first, second, third]).toEqual([
      { side: 'reference', firstPosition: 0, lastPosition: 3 },
      { side: 'device', firstPosition: 0, lastPosition: 3 },
      { side: 'device', firstPosition: 0, lastPosition: 3, layers: { done: 1, total: 2 } },
    ]);
    expect(rest.at(-1)).toEqual({
      side: 'device',
      firstPosition: 8,
      lastPosition: 9,
      layers: { done: 1, total: 2 },
    });
  });

  it('refuses a forced continuation beyond the longest sequence: nothing that was given is left out', async () => {
    const run = pairsOf(new ToySource(50), new ToySource(50), {
      continuationIds: Int32Array.of(7, 8, 9),
      maxSeqLen: 12,
    });
    await expect(run).rejects.toMatchObject({ code: 'PLAN_TOO_LONG' });
  });

  it('compares the positions that are asked for, in chunks as ever', async () => {
    const device = new ToySource(50);
    const positions = Int32Array.of(2, 3, 9, 11);
    const { pairs } = await pairsOf(new ToySource(50), device, {
      continuationIds: Int32Array.of(7, 8, 9),
      positions,
    });
    expect(pairs.map((pair) => pair.position)).toEqual([...positions]);
    expect(pairs.map((pair) => pair.nextTokenId)).toEqual([21, 28, 7, 9]);
    expect(device.feeds).toEqual([4, 4, 4, 1]);
  });

  it('feeds several devices what the reference was fed once, and hands out the pairs of each', async () => {
    const reference = new ToySource(50);
    const devices = [new ToySource(50), new ToySource(50, (row) => ({ ...row, logits: row.logits.reverse() }))];
    const seen: number[][] = [[], []];
    const differs = [false, false];
    await runLockstep(reference, devices, TOY_REQUEST, {
      onPair: (device, { position, golden, actual }) => {
        seen[device]!.push(position);
        differs[device] ||= golden.logits.some((logit, i) => logit !== actual.logits[i]);
      },
    });
    expect(reference.feeds).toEqual([4, 4, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    expect(seen).toEqual([Array.from({ length: 19 }, (_, i) => i), Array.from({ length: 19 }, (_, i) => i)]);
    expect(differs).toEqual([false, true]);
  });

  it('goes on with the other devices when one fails and somebody takes note', async () => {
    const failing = new ToySource(50, (row) => {
      if (row.position === 5) throw new RangeError('out of memory');
      return row;
    });
    const seen: number[][] = [[], []];
    const failures: unknown[] = [];
    await runLockstep(new ToySource(50), [failing, new ToySource(50)], TOY_REQUEST, {
      onPair: (device, { position }) => {
        seen[device]!.push(position);
      },
      onDeviceError: (device, error) => failures.push([device, error]),
    });
    expect(seen.map(({ length }) => length)).toEqual([5, 19]);
    expect(failures).toEqual([[0, expect.objectContaining({ code: 'DEVICE_FAULT' })]]);
  });

  it('never feeds past the longest sequence', async () => {
    const { outcome } = await pairsOf(new ToySource(50), new ToySource(50), { maxSeqLen: 12 });
    expect(outcome).toMatchObject({ newTokens: 2, stopReason: 'max-seq-len' });
  });

  it.each([
    { name: 'another token', change: { tokenId: 49 }, code: 'CONTEXT_DIFFERS' },
    { name: 'another position', change: { position: 6 }, code: 'CONTEXT_DIFFERS' },
  ])('refuses a device row with $name', async ({ change, code }) => {
    const device = new ToySource(50, (row) => (row.position === 5 ? { ...row, ...change } : row));
    await expect(pairsOf(new ToySource(50), device)).rejects.toMatchObject({ code, exitCode: 4 });
  });

  it('refuses a device that leaves a row out', async () => {
    const device = new ToySource(50);
    const feed = device.feed.bind(device);
    device.feed = (ids, want, onRow) => feed(ids, want, (row) => (row.position === 9 ? undefined : onRow(row)));
    const missing = expect.stringContaining('1 rows, the first of position 9');
    await expect(pairsOf(new ToySource(50), device)).rejects.toMatchObject({ code: 'ROWS_MISSING', message: missing });
  });

  it('names the side of a foreign error and keeps it as the cause', async () => {
    const device = new ToySource(50, () => {
      throw new RangeError('out of memory');
    });
    const failure = await pairsOf(new ToySource(50), device).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(DeviceError);
    expect(failure).toMatchObject({ code: 'DEVICE_FAULT', exitCode: 3, cause: { message: 'out of memory' } });
  });

  it('throws what the sink throws as it is', async () => {
    const full = new RangeError('disk full');
    await expect(
      runLockstep(new ToySource(50), [new ToySource(50)], TOY_REQUEST, {
        onPair: () => {
          throw full;
        },
        onDeviceError: () => undefined,
      }),
    ).rejects.toBe(full);
  });

  it('stops at an aborted signal', async () => {
    const controller = new AbortController();
    const seen: number[] = [];
    const stopping = { ...TOY_REQUEST, signal: controller.signal };
    const run = runLockstep(new ToySource(50), [new ToySource(50)], stopping, {
      onPair: (_device, { position }) => {
        seen.push(position);
        if (position === 5) controller.abort();
      },
      onDeviceError: () => undefined,
    });
    await expect(run).rejects.toMatchObject({ name: 'AbortError' });
    expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('delivers the taps asked for on both sides', async () => {
    const seen: number[] = [];
    const tapped: SequenceRequest = { ...TOY_REQUEST, taps: ['norm.out'] };
    await runLockstep(new ToySource(50), [new ToySource(50)], tapped, {
      onPair: (_device, { golden, actual }) => {
        expect(golden.taps.get('norm.out')).toEqual(actual.taps.get('norm.out'));
        seen.push(golden.taps.get('norm.out')![0]!);
      },
    });
    expect(seen).toEqual(Array.from({ length: 19 }, (_, i) => i));
  });
});
