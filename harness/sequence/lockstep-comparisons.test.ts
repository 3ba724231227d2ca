// Facts about devices that are golden for other devices: each pair is the one of a lone run, each device is fed once.
import { describe, expect, it } from 'vitest';
import { DeviceError } from '../../src/errors.ts';
import { type Comparison, runLockstep } from './lockstep.ts';
import type { RowPair } from './sequence.ts';
import { TOY_REQUEST, ToySource } from './toy-source.fixture.ts';

/** Logits that are off by another amount at each position and id. */
const off = (amount: number): ToySource =>
  new ToySource(50, (row) => {
    row.logits.forEach((value, id) => {
      row.logits[id] = value + amount * ((row.position * 13 + id * 7) % 11);
    });
    return row;
  });

type Pairs = Map<number, Pick<RowPair, 'position' | 'tokenId' | 'nextTokenId'>[]>;

async function run(devices: readonly ToySource[], comparisons?: readonly Comparison[]) {
  const pairs: Pairs = new Map();
  const rows: Map<number, string[]> = new Map();
  const failures: [number, unknown][] = [];
  await runLockstep(
    new ToySource(50),
    devices,
    TOY_REQUEST,
    {
      onPair: (comparison, { golden, actual, position, tokenId, nextTokenId }) => {
        pairs.set(comparison, [...(pairs.get(comparison) ?? []), { position, tokenId, nextTokenId }]);
        rows.set(comparison, [...(rows.get(comparison) ?? []), `${golden.logits.join()} | ${actual.logits.join()}`]);
      },
      onDeviceError: (comparison, error) => failures.push([comparison, error]),
    },
    comparisons,
  );
  return { pairs, rows, failures };
}

const TRIANGLE: readonly Comparison[] = [{ device: 0 }, { device: 1 }, { device: 1, golden: 0 }];

describe('comparisons between devices', () => {
  it('hand out the rows of both devices at the same tokens', async () => {
    const [other, device] = [off(0.25), off(0.5)];
    const { pairs, rows } = await run([other, device], TRIANGLE);
    const alone = await run([off(0.25), off(0.5)]);
    expect(rows.get(0)).toEqual(alone.rows.get(0));
    expect(rows.get(1)).toEqual(alone.rows.get(1));
    expect(pairs.get(2)).toEqual(pairs.get(1));
    const halves = (index: number, side: 0 | 1) => rows.get(index)!.map((text) => text.split(' | ')[side]);
    expect(halves(2, 0)).toEqual(halves(0, 1));
    expect(halves(2, 1)).toEqual(halves(1, 1));
    expect(halves(2, 0)).not.toEqual(halves(1, 0));
  });

  it('feed each device once', async () => {
    const [other, device] = [off(0.25), off(0.5)];
    await run([other, device], TRIANGLE);
    expect([other.feeds, device.feeds]).toEqual([
      [4, 4, 2, 4, 4, 1],
      [4, 4, 2, 4, 4, 1],
    ]);
  });

  it('end with the device that was golden for them, and leave the others alone', async () => {
    const broken = new ToySource(50, (row) => {
      if (row.position === 6) throw new DeviceError('gone', { code: 'GONE' });
      return row;
    });
    const { rows, failures } = await run([broken, off(0.5)], TRIANGLE);
    expect(failures.map(([comparison]) => comparison)).toEqual([0, 2]);
    expect([0, 1, 2].map((comparison) => rows.get(comparison)?.length)).toEqual([6, 19, 4]);
  });

  it('end with their own device too', async () => {
    const broken = new ToySource(50, (row) => {
      if (row.position === 9) throw new DeviceError('gone', { code: 'GONE' });
      return row;
    });
    const { rows, failures } = await run([off(0.25), broken], TRIANGLE);
    expect(failures.map(([comparison]) => comparison)).toEqual([1, 2]);
    expect([0, 1, 2].map((comparison) => rows.get(comparison)?.length)).toEqual([19, 9, 9]);
  });
});
