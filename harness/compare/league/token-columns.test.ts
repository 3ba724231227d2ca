// Columns of token records: every number where it belongs, only whole prompts, and the same tokens on all sides.
import { describe, expect, it } from 'vitest';
import { recordExample } from '../../gate/record.fixture.ts';
import { columnsFrom } from './made-up-league.fixture.ts';
import { ColumnCollector, pairedColumns, promptId } from './token-columns.ts';

const id = (prompt: string, user = 0): string => promptId({ prompt, user });

describe('ColumnCollector', () => {
  it('keeps the numbers of a record, one a column', () => {
    const collector = new ColumnCollector();
    collector.add(recordExample({ position: 4 }, { pcc: 0.98, klNats: 0.25, rank: 7, flip: 'real', logRatio: -0.5 }));
    collector.add(recordExample({ position: 5 }, { pcc: 0.99, klNats: 0.5, rank: 1, logRatio: 0.25 }));
    const { prompts, ...columns } = collector.columnsOf('v')!;
    expect(prompts).toEqual([{ id: id('p'), tokens: 2 }]);
    expect(Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, [...values]]))).toEqual({
      position: [4, 5],
      pcc: [0.98, 0.99],
      kl: [0.25, 0.5],
      logRatio: [-0.5, 0.25],
      hit: [0, 1],
      realFlip: [1, 0],
      // 2 units in the last place of 0.25 nat; nothing where both choose the same.
      regret: [0.5, 0],
      rank: [7, 1],
    });
  });

  it('has NaN where a row has no numbers', () => {
    const collector = new ColumnCollector();
    collector.add({ ...recordExample({}, { pcc: null }), distribution: null, choice: null });
    const { prompts: _prompts, position, ...columns } = collector.columnsOf('v')!;
    expect([...position]).toEqual([0]);
    for (const values of Object.values(columns)) expect([...values]).toEqual([Number.NaN]);
  });

  it('keeps variants and rows of a batch apart, and leaves out prompts that are not whole', () => {
    const collector = new ColumnCollector();
    for (const user of [0, 1])
      for (const variant of ['a', 'b'])
        collector.add(
          recordExample({ variant, user, position: user }, { klNats: user + (variant === 'a' ? 0.25 : 0.5) }),
        );
    expect([...collector.columnsOf('a')!.kl]).toEqual([0.25, 1.25]);
    expect([...collector.columnsOf('b', (prompt) => prompt === id('p', 1))!.kl]).toEqual([1.5]);
    expect(collector.columnsOf('b', () => false)).toBeUndefined();
    expect(collector.columnsOf('c')).toBeUndefined();
  });
});

describe('pairedColumns', () => {
  const prompts = (of: Readonly<Record<string, number>>) =>
    Object.entries(of).map(([name, tokens]) => ({ id: id(name), tokens }));

  it('takes the shared prompts in the order of the first, each value with its prompt', () => {
    const [a, b] = pairedColumns([
      columnsFrom({ prompts: prompts({ x: 2, y: 1, z: 1 }), kl: [1, 2, 3, 4] }),
      columnsFrom({ prompts: prompts({ z: 1, w: 3, x: 2 }), kl: [40, 50, 51, 52, 10, 20] }),
    ]);
    expect([...a!.kl]).toEqual([1, 2, 4]);
    expect([...b!.kl]).toEqual([10, 20, 40]);
    expect(b!.prompts).toEqual(prompts({ x: 2, z: 1 }));
  });

  it('does not pair a prompt that has more tokens on one side', () => {
    const all = [columnsFrom({ prompts: prompts({ x: 2, y: 1 }) }), columnsFrom({ prompts: prompts({ x: 3, y: 1 }) })];
    expect(pairedColumns(all).map((one) => one.prompts)).toEqual([prompts({ y: 1 }), prompts({ y: 1 })]);
  });

  it('of nothing is nothing', () => {
    expect(pairedColumns([])).toEqual([]);
  });
});
