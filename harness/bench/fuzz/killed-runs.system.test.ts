// A small sample of `npm run fuzz -- kill`: real processes, really killed, at changes of the disk that a seed names.
import { expect, it } from 'vitest';
import { killRuns } from './killed-runs.ts';

it('a run that is killed, and killed again while it is resumed, becomes the run that was not', async () => {
  const { changes, kills, findings } = await killRuns(12, 1);
  expect(findings).toEqual([]);
  expect(changes).toBeGreaterThan(30);
  expect(kills).toBe(2);
});
