// A device that stands still is ended by name; one that is slow, or is judged slowly, is not.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { FeedRequest, LogitsSource, RowSink } from '../../src/device/logits-source.ts';
import { DeviceError, EXIT_CODES } from '../../src/errors.ts';
import { ToySource } from '../sequence/toy-source.fixture.ts';
import { StepTimeout } from './step-timeout.ts';
import { WrappedSource } from './wrapped-source.ts';

const IDS = Int32Array.of(1, 2, 3);
const ALL: FeedRequest = { rows: 'all' };

/** Waits before each row. */
class Slow extends WrappedSource {
  readonly #wait: (position: number) => Promise<void>;

  constructor(wait: (position: number) => Promise<void>) {
    super(new ToySource(8));
    this.#wait = wait;
  }

  override feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
    return this.inner.feed(tokenIds, want, async (row) => {
      await this.#wait(row.position);
      await onRow(row);
    });
  }
}

/** Says that it does layers, and hands out rows only behind them. */
class Layers extends WrappedSource {
  override async feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
    for (let layer = 1; layer <= 4; layer++) {
      await sleep(20);
      want.onLayer?.(layer, 4);
    }
    await this.inner.feed(tokenIds, want, onRow);
  }
}

const never = (): Promise<void> => new Promise(() => undefined);

async function rowsOf(source: LogitsSource, onRow: RowSink = () => undefined): Promise<number[]> {
  const positions: number[] = [];
  await source.feed(IDS, ALL, async (row) => {
    positions.push(row.position);
    await onRow(row);
  });
  return positions;
}

describe('StepTimeout', () => {
  it('hands out what the source hands out', async () => {
    expect(await rowsOf(new StepTimeout(new ToySource(8), 1000))).toEqual([0, 1, 2]);
  });

  it('ends a device that hangs at its second row, by name, with the row before handed out', async () => {
    const source = new StepTimeout(new Slow((position) => (position === 1 ? never() : Promise.resolve())), 40);
    const positions: number[] = [];
    const error = await source.feed(IDS, ALL, ({ position }) => void positions.push(position)).catch((one) => one);
    expect(error).toBeInstanceOf(DeviceError);
    expect(error).toMatchObject({ code: 'STEP_TIMEOUT', exitCode: EXIT_CODES.deviceFault });
    expect(error.message).toMatch(/fed .*positions 0 … 2\n.*last row .*position 0/);
    expect(positions).toEqual([0]);
    await source.close();
  });

  it('ends a device that hangs when it is to forget', async () => {
    const inner = new ToySource(8);
    inner.truncate = never;
    await expect(new StepTimeout(inner, 20).truncate(0)).rejects.toMatchObject({ code: 'STEP_TIMEOUT' });
  });

  it('waits for each row anew: three rows may take longer together', async () => {
    expect(await rowsOf(new StepTimeout(new Slow(() => sleep(60)), 150))).toEqual([0, 1, 2]);
  });

  it('takes a layer for a sign of life', async () => {
    expect(await rowsOf(new StepTimeout(new Layers(new ToySource(8)), 60))).toEqual([0, 1, 2]);
  });

  it('does not count the time of the receiver', async () => {
    expect(await rowsOf(new StepTimeout(new ToySource(8), 40), () => sleep(80))).toEqual([0, 1, 2]);
  });

  it('lets the error of the receiver and of the source through', async () => {
    const refuse = (): void => {
      throw new Error('of the receiver');
    };
    await expect(rowsOf(new StepTimeout(new ToySource(8), 1000), refuse)).rejects.toThrow('of the receiver');
    const dying = new Slow(() => Promise.reject(new Error('of the source')));
    await expect(rowsOf(new StepTimeout(dying, 1000))).rejects.toThrow('of the source');
  });

  it('hands out no row that comes after the end', async () => {
    const late = new StepTimeout(new Slow((position) => (position === 1 ? sleep(60) : Promise.resolve())), 20);
    const positions: number[] = [];
    await expect(late.feed(IDS, ALL, ({ position }) => void positions.push(position))).rejects.toThrow(/hangs/);
    await sleep(80);
    expect(positions).toEqual([0]);
  });
});
