// A run beside its baseline, drawn a hundred times: noise of a device that jitters is hardly ever called worse.
import { expect, it } from 'vitest';
import { drawn, RESAMPLING } from './drawn-tokens.fixture.ts';
import { judgeBaseline } from './judge-baseline.ts';
import { madeUpBaseline, madeUpRun } from './made-up-runs.fixture.ts';

it('a run of a device that jitters is called worse in 5 % of 100 at most', () => {
  const before = madeUpBaseline(drawn(0));
  const words = Array.from(
    { length: 100 },
    (_, i) => judgeBaseline(before, madeUpRun(drawn(1 + i)), RESAMPLING).variants[0]!.word,
  );
  expect(words.filter((word) => word === 'worse').length).toBeLessThanOrEqual(5);
  expect(words).not.toContain('same');
});
