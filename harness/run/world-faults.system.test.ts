// What happens around a run: a clock that is set, a second writer.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { rowsOf } from './run-reading.fixture.ts';
import { logLines, resumeToy, runToy, toyCase, writeLog } from './toy-run.fixture.ts';
import type { WrittenRun } from './write-run.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-world-'));
afterAll(() => rmSync(scratch, { recursive: true }));
afterEach(() => vi.useRealTimers());

const DAY_MS = 24 * 3600 * 1000;
let whole: WrittenRun;
beforeAll(async () => {
  whole = await runToy(scratch, [toyCase('a')], { reports: {} });
});

describe('a clock that is set while a run goes on', () => {
  it.each([-400, -1, 1, 4000])(
    'by %i days every few rows: the same rows and verdict, no negative time',
    async (days) => {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 10, 24) });
      let tokens = 0;
      const onToken = (): void => {
        if (++tokens % 5 === 0) vi.setSystemTime(Date.now() + (tokens % 2 === 0 ? days : -days / 2) * DAY_MS);
      };
      const { run, folder } = await runToy(mkdtempSync(path.join(scratch, 'clock-')), [toyCase('a')], { onToken });
      expect(rowsOf(folder)).toEqual(rowsOf(whole.folder));
      expect(run.verdict).toEqual(whole.run.verdict);
      expect(run.durationMs).toSatisfy((time) => time === null || Number(time) >= 0);
    },
  );

  it('does not matter to --resume', async () => {
    const { folder } = await runToy(mkdtempSync(path.join(scratch, 'clock-')), [toyCase('a')]);
    writeLog(folder, logLines(folder).slice(0, 20));
    vi.useFakeTimers({ toFake: ['Date'], now: 0 });
    const { run } = await resumeToy(folder, [toyCase('a')]);
    expect(rowsOf(folder)).toEqual(rowsOf(whole.folder));
    expect(run.durationMs).toBeNull();
  });
});

describe('two runs in one folder', () => {
  it('that are resumed at once: one goes on, the other is refused, the rows are those of one run', async () => {
    const { folder } = await runToy(mkdtempSync(path.join(scratch, 'two-')), [toyCase('a')]);
    writeLog(folder, logLines(folder).slice(0, 20));
    const ended = await Promise.allSettled([resumeToy(folder, [toyCase('a')]), resumeToy(folder, [toyCase('a')])]);
    expect(ended.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(ended.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'RUN_LOCKED', exitCode: 2 },
    });
    expect(rowsOf(folder)).toEqual(rowsOf(whole.folder));
  });

  it('that are begun at once under one parent: each has its own folder and is whole', async () => {
    const parent = mkdtempSync(path.join(scratch, 'two-'));
    const both = await Promise.all([1, 2].map(() => runToy(parent, [toyCase('a')])));
    expect(new Set(both.map(({ folder }) => folder)).size).toBe(2);
    for (const { folder } of both) expect(rowsOf(folder)).toEqual(rowsOf(whole.folder));
  });
});
