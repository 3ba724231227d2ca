// Facts about free running: equal sides never part, and nothing is compared after they do.
import { describe, expect, it } from 'vitest';
import { runFree } from './free-running.ts';
import { TOY_REQUEST, ToySource } from './toy-source.fixture.ts';

async function positionsOf(device: ToySource) {
  const positions: number[] = [];
  const outcome = await runFree(new ToySource(50), device, TOY_REQUEST, ({ position }) => {
    positions.push(position);
  });
  return { positions, outcome };
}

describe('runFree', () => {
  it('compares every position when both sides choose alike', async () => {
    const { positions, outcome } = await positionsOf(new ToySource(50));
    expect(positions).toEqual(Array.from({ length: 19 }, (_, i) => i));
    expect(outcome.divergencePosition).toBeUndefined();
    expect(outcome.actualTokenIds).toEqual(outcome.tokenIds);
  });

  it('compares the position where the choices part and none after it', async () => {
    const device = new ToySource(50, (row) => {
      if (row.position === 12) row.logits.reverse();
      return row;
    });
    const { positions, outcome } = await positionsOf(device);
    expect(positions).toEqual(Array.from({ length: 13 }, (_, i) => i));
    expect(outcome.divergencePosition).toBe(13);
    expect(outcome.actualTokenIds.subarray(0, 13)).toEqual(outcome.tokenIds.subarray(0, 13));
    expect(outcome.actualTokenIds[13]).not.toBe(outcome.tokenIds[13]);
    expect(outcome.actualTokenIds).toHaveLength(19);
  });
});
