// History through the command line: runs before and after a change, another plan beside them, a baseline's commits in git.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HistoryRecord } from '../history/history-record.ts';
import {
  logLines,
  noisyToy,
  runToy,
  TOY_VOCABULARY,
  toyCase,
  toyCaseOf,
  toyHeader,
  toySpec,
} from '../run/toy-run.fixture.ts';
import { startRun, writeRun } from '../run/write-run.ts';
import { ToySource } from '../sequence/toy-source.fixture.ts';
import type { OpenableCase } from '../sources/openable-case.ts';
import { callCommand } from './in-process.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-history-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const reports = path.join(scratch, 'reports');

const reversed = (): ToySource =>
  new ToySource(TOY_VOCABULARY, (row) => {
    if (row.position % 2 === 1) row.logits.reverse();
    return row;
  });

/** A run that began at this time, whenever it was written. */
async function runOn(startedAt: string, cases: readonly OpenableCase[]): Promise<string> {
  const header = { ...toyHeader(toySpec(cases)), startedAt };
  const local = { currentFolder: '/', arguments: [], cases: {} };
  const { folder } = await writeRun(startRun(reports, header, local), { cases });
  return path.basename(folder);
}

const history = async (...more: string[]): Promise<HistoryRecord> => {
  const { code, stdout, stderr } = await callCommand(['history', reports, '--json', ...more]);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as HistoryRecord;
};

describe('a history', () => {
  const names: string[] = [];
  beforeAll(async () => {
    const good = [toyCase('a', { toy: noisyToy })];
    const bad = [toyCase('a', { toy: reversed })];
    const { spec } = good[0]!;
    const other = [toyCaseOf({ ...spec, prompts: spec.prompts.slice(0, 1) }, { toy: noisyToy })];
    // Written in another order than they began.
    names.push(await runOn('2026-11-03T00:00:00.000Z', bad));
    names.push(await runOn('2026-11-01T00:00:00.000Z', good));
    names.push(await runOn('2026-11-02T00:00:00.000Z', good));
    names.push(await runOn('2026-11-04T00:00:00.000Z', bad));
    names.push(await runOn('2026-11-02T12:00:00.000Z', other));
    const [part] = await Promise.all([runToy(reports, good, { part: [0] })]);
    expect(logLines(part!.folder).length).toBeGreaterThan(2);
  });

  it('is by the dates of the runs, each plan by itself', async () => {
    const { series } = await history();
    expect(series.map(({ points }) => points.map(({ runId }) => runId))).toEqual([
      [names[1], names[2], names[0], names[3]],
      [names[4]],
    ]);
    expect(new Set(series.map(({ question }) => question)).size).toBe(2);
  });

  it('says since when it is broken, the last good run, and by how much', async () => {
    const { series } = await history();
    const { broken, steps } = series[0]!;
    expect(broken).toMatchObject({ firstBroken: names[0], lastGood: names[2] });
    expect(broken!.step!.klMean).toBeGreaterThan(0.1);
    expect(steps.map(({ from, to }) => [from, to])).toEqual([[names[2], names[0]]]);
    const { stdout } = await callCommand(['history', reports]);
    expect(stdout).toContain(`broken since ${names[0]} (qwen-pcc 0.0.0): `);
    expect(stdout).toContain(`last good ${names[2]} (qwen-pcc 0.0.0); mean KL +`);
    expect(stdout).toContain('not comparable with the others of this case');
  });

  it('leaves parts out by name', async () => {
    const { leftOut } = await history();
    expect(leftOut.map(({ reason }) => reason)).toEqual(['a part of a plan; its merge is what counts']);
  });

  it('is a page with a plot that says its numbers without colours', async () => {
    const page = path.join(scratch, 'history.html');
    await history('--html', page);
    const text = readFileSync(page, 'utf8');
    expect(text).toMatch(/<svg [^>]*role="img" aria-label="Mean KL of 4 runs, from \S+ to \S+ nat; highest \S+\."/);
    expect(text.match(/<circle class="pass"/g)).toHaveLength(3);
    expect(text.match(/<rect class="fail"/g)).toHaveLength(2);
    expect(text).not.toMatch(/<script|https?:/);
  });

  describe('in the report of a run', () => {
    const inFolder = (name: string, file: string): string => readFileSync(path.join(reports, name, file), 'utf8');

    it('is a plot that marks the run, with its sentences, and no place of this machine', async () => {
      await history('--lens', names[0]!);
      const page = inFolder(names[0]!, 'report.html');
      expect(page).toMatch(/<svg viewBox="0 0 720 160" role="img" aria-label="Mean KL of 4 runs/);
      expect(page.match(/<circle class="here"/g)).toHaveLength(1);
      expect(page).toContain(`broken since ${names[0]}`);
      expect(page).toContain('Left out: ');
      const kept = JSON.parse(inFolder(names[0]!, 'history.json')) as HistoryRecord;
      expect(kept.series.map(({ points }) => points.length)).toEqual([4]);
      expect(JSON.stringify(kept)).not.toContain(scratch);
      expect(page).not.toContain(scratch);
    });

    it('is the same bytes each time, and gone with the file', async () => {
      const before = inFolder(names[0]!, 'report.html');
      const again = () => callCommand(['report', path.join(reports, names[0]!)]);
      await again();
      expect(inFolder(names[0]!, 'report.html')).toBe(before);
      const file = path.join(reports, names[0]!, 'history.json');
      const text = readFileSync(file, 'utf8');
      // Another run's, or none at all.
      for (const foreign of [text.replaceAll(names[0]!, 'other'), '{', '']) {
        writeFileSync(file, foreign);
        await again();
        expect(inFolder(names[0]!, 'report.html')).not.toContain('over-time');
      }
      rmSync(file);
    });

    it('is refused for a run of another place that has the id of one that was read', async () => {
      const copy = path.join(scratch, 'another place', names[0]!);
      cpSync(path.join(reports, names[0]!), copy, { recursive: true });
      const { code, stderr } = await callCommand(['history', reports, '--lens', copy]);
      expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('HISTORY_LENS') });
    });

    it('is refused for a part of a plan', async () => {
      const { leftOut } = await history();
      const { code, stderr } = await callCommand(['history', reports, '--lens', leftOut[0]!.folder]);
      expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('HISTORY_LENS') });
    });
  });

  it('of a folder without runs is refused by name', async () => {
    mkdirSync(path.join(scratch, 'nothing'));
    const { code, stderr } = await callCommand(['history', path.join(scratch, 'nothing')]);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('HISTORY_FOLDER') });
  });

  describe('with a baseline', () => {
    const file = path.join(reports, 'baseline.json');
    const accept = (run: string, reason: string) =>
      callCommand(['baseline', 'update', run, '--out', reports, '--reason', reason, '--accept-fail']);
    const inReports = (...args: string[]): string => execFileSync('git', args, { cwd: reports, encoding: 'utf8' });

    it('has the states that the file keeps, and says that git does not know it', async () => {
      expect(await accept(names[1]!, 'first')).toMatchObject({ code: 0 });
      const { baseline } = await history();
      expect(baseline?.withoutGit).toMatch(/^git says: .*not a git repository/);
      expect(baseline?.states.map(({ reason, commit }) => ({ reason, commit }))).toEqual([
        { reason: 'first', commit: null },
      ]);
    });

    it('says which commit brought which state', async () => {
      inReports('init', '--quiet');
      const commit = (subject: string): string => {
        inReports('add', 'baseline.json');
        const who = ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'commit.gpgsign=false'];
        inReports(...who, 'commit', '--quiet', '-m', subject);
        return inReports('rev-parse', 'HEAD').trim();
      };
      const first = commit('accept the first');
      await accept(names[0]!, 'coarser on purpose');
      const second = commit('accept\tcoarser rows');
      const { baseline } = await history();
      expect(baseline?.withoutGit).toBeNull();
      expect(baseline?.states.map(({ runId, commit: by }) => [runId, by?.sha, by?.subject])).toEqual([
        [names[1], first, 'accept the first'],
        [names[0], second, 'accept\tcoarser rows'],
      ]);
      const { stdout } = await callCommand(['history', reports]);
      expect(stdout).toContain(second.slice(0, 9));
      expect(stdout).toContain('coarser on purpose');
    });

    it('whose chain was cut still has the states of its commits', async () => {
      const cut = JSON.parse(readFileSync(file, 'utf8')) as { earlier: unknown[] };
      writeFileSync(file, JSON.stringify({ ...cut, earlier: [] }));
      expect((await history()).baseline?.states).toHaveLength(2);
    });
  });

  it('of a log that was damaged leaves that run out', async () => {
    const copy = path.join(scratch, 'damaged');
    cpSync(path.join(reports, names[1]!), copy, { recursive: true });
    writeFileSync(path.join(copy, 'run.json'), '{');
    const { code, stdout } = await callCommand(['history', copy, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ series: [], leftOut: [{ folder: copy }] });
  });
});
