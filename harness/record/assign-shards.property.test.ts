// Shares of a plan: every unit once, on any machine the same, hardly longer than dealt out one by one, cases opened seldom.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignShards, TOGETHER_WITHIN } from './assign-shards.ts';
import type { PlanUnit } from './plan-record.ts';

function unitsOf(costs: readonly (readonly [name: string, cost: number])[]): PlanUnit[] {
  return costs.map(([name, cost], index) => ({
    index,
    id: '0'.repeat(64),
    case: name,
    prompt: `p${index}`,
    user: 0,
    variants: ['n150'],
    positions: cost,
    isUpperBound: false,
    cost,
  }));
}

const plans = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 1, max: 500 })), { maxLength: 30 });
const counts = fc.integer({ min: 1, max: 9 });

const loadsOf = (units: readonly PlanUnit[], shards: readonly (readonly number[])[]): number[] =>
  shards.map((shard) => shard.reduce((sum, index) => sum + units[index]!.cost, 0));

/** Longest first, as a reader would write it down. */
function dealtOut(units: readonly PlanUnit[], count: number): number[] {
  const loads = new Array<number>(count).fill(0);
  for (const cost of units.map((unit) => unit.cost).sort((a, b) => b - a)) {
    loads[loads.indexOf(Math.min(...loads))]! += cost;
  }
  return loads;
}

describe('assignShards', () => {
  it('gives every unit to exactly one shard, in the order of the plan', () => {
    fc.assert(
      fc.property(plans, counts, (costs, count) => {
        const shards = assignShards(unitsOf(costs), count);
        expect(shards).toHaveLength(count);
        expect(shards.flat().sort((a, b) => a - b)).toEqual(costs.map((_, index) => index));
        for (const shard of shards) expect(shard).toEqual([...shard].sort((a, b) => a - b));
      }),
      { seed: 11 },
    );
  });

  it('never takes a tenth longer than units dealt out one by one', () => {
    fc.assert(
      fc.property(plans, counts, (costs, count) => {
        const units = unitsOf(costs);
        const longest = Math.max(...loadsOf(units, assignShards(units, count)));
        expect(longest).toBeLessThanOrEqual((1 + TOGETHER_WITHIN) * Math.max(...dealtOut(units, count)) + 1e-9);
      }),
      { seed: 12 },
    );
  });

  it.each([
    {
      what: 'one case a shard where they are equal',
      costs: 'aabb',
      count: 2,
      wanted: [
        [0, 1],
        [2, 3],
      ],
    },
    { what: 'the first shard and the first unit at ties', costs: 'aaa', count: 3, wanted: [[0], [1], [2]] },
    { what: 'nothing where nothing is left', costs: 'a', count: 3, wanted: [[0], [], []] },
    {
      what: 'a case in two shards rather than one shard twice as long',
      costs: 'aaaa',
      count: 2,
      wanted: [
        [0, 1],
        [2, 3],
      ],
    },
  ])('gives $what', ({ costs, count, wanted }) => {
    expect(assignShards(unitsOf([...costs].map((name) => [name, 10])), count)).toEqual(wanted);
  });

  it('opens two cases of eight prompts eight or nine times for seven shards, not fourteen', () => {
    const units = unitsOf([...'aaaaaaaabbbbbbbb'].map((name, i) => [name, 100 + 37 * (i % 5)]));
    const shards = assignShards(units, 7);
    const opened = shards.reduce((sum, shard) => sum + new Set(shard.map((i) => units[i]!.case)).size, 0);
    expect(opened).toBeLessThanOrEqual(9);
  });

  it('splits a case where keeping it whole would take longer', () => {
    const units = unitsOf([
      ['a', 90],
      ['a', 90],
      ['a', 90],
      ['b', 30],
    ]);
    expect(Math.max(...loadsOf(units, assignShards(units, 2)))).toBe(180);
    expect(assignShards(units, 2)).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });
});
