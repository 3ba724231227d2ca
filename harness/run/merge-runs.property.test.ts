// The law of shards: for any number of them, in any order, with prompts in several, the merged folder is that of one run.
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assignShards } from '../record/assign-shards.ts';
import type { RunEvent } from '../record/events.ts';
import { planUnits } from '../record/plan-record.ts';
import type { RunRecord } from '../record/run-record.ts';
import { withoutTiming } from '../record/token-line.ts';
import { junitXml } from '../report/junit.ts';
import { summaryMarkdown } from '../report/markdown.ts';
import { ToySource } from '../sequence/toy-source.fixture.ts';
import type { OpenableCase } from '../sources/openable-case.ts';
import { type MergedRun, mergeRuns } from './merge-runs.ts';
import {
  logLines,
  noisyToy,
  TOY_LOCAL,
  TOY_VOCABULARY,
  toyCase,
  toyHeader,
  toySpec,
  writeLog,
} from './toy-run.fixture.ts';
import { type RunReports, startRun, type WrittenRun, writeRun } from './write-run.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-merge-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const room = (): string => mkdtempSync(path.join(scratch, 'room-'));

/** Every fifth row of it fails, so that there is evidence. */
const failing = (): ToySource =>
  new ToySource(TOY_VOCABULARY, (row) => {
    if (row.position % 5 === 4) row.logits.reverse();
    return row;
  });
/** Those whose times can be taken out; the lens packs its numbers. */
const REPORTS: RunReports = { 'junit.xml': junitXml, 'summary.md': summaryMarkdown };
const CASES = [toyCase('a', { noisy: noisyToy, failing }), toyCase('b'), toyCase('c', { failing })];
const SPEC = toySpec(CASES);
const UNITS = planUnits(SPEC);

function runPart(
  part: readonly number[] | null,
  more: Partial<RunEvent> = {},
  cases: readonly OpenableCase[] = CASES,
): Promise<WrittenRun> {
  const started = startRun(room(), { ...toyHeader(SPEC), ...more, part }, TOY_LOCAL);
  return writeRun(started, { cases, reports: REPORTS });
}

const runShard = (index: number, count: number): Promise<WrittenRun> =>
  runPart(assignShards(UNITS, count)[index - 1]!, {
    shard: { index, count },
    command: `qwen-pcc validate --weights x --shard ${index}/${count} --threads 2`,
  });

const merge = (folders: readonly string[]): MergedRun => mergeRuns(folders, room(), REPORTS);

/** What every file of a folder says, but for times and the folder's own name. */
function contents(folder: string): Record<string, unknown> {
  const { runId } = JSON.parse(logLines(folder)[0]!) as RunEvent;
  const still = (text: string): string =>
    text
      .replaceAll(runId, 'RUN')
      .replaceAll(/time="[^"]*"/g, '')
      .replaceAll(/`RUN`, [^.]*\./g, '`RUN`.');
  return Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => path.extname(name) !== '')
      .sort()
      .map((name) => {
        const file = path.join(folder, name);
        if (name === 'run.json') return [name, withoutTimes(JSON.parse(readFileSync(file, 'utf8')) as RunRecord)];
        if (name === 'run.jsonl')
          return [
            name,
            logLines(folder).map((line) =>
              still(withoutTiming(line))
                .replace(/,"usage":.*/, '')
                .replace(/"(finished|started)At":"[^"]*"/, ''),
            ),
          ];
        return [
          name,
          name.endsWith('.safetensors') ? readFileSync(file).toString('base64') : still(readFileSync(file, 'utf8')),
        ];
      }),
  );
}

function withoutTimes(run: RunRecord): unknown {
  return JSON.parse(
    JSON.stringify(
      {
        ...run,
        runId: '',
        finishedAt: '',
        durationMs: 0,
        usage: null,
        artifacts: run.artifacts.map(({ path: file }) => file),
      },
      (key, value: unknown) => (key === 'ms' ? 0 : value),
    ),
  );
}

let whole: WrittenRun;
beforeAll(async () => {
  whole = await runPart(null);
  expect(whole.run.verdict.status).toBe('fail');
  expect(readdirSync(path.join(whole.folder, 'evidence')).length).toBeGreaterThan(5);
});

describe('the merge of all shards', () => {
  it.each([1, 2, 7, 12])('of %i is the folder of one run, to the byte but for times', async (count) => {
    const shards = [];
    for (let index = count; index >= 1; index--) shards.push(await runShard(index, count));
    const { folder, run } = merge(shards.map((shard) => shard.folder));
    const [one, other] = [contents(folder), contents(whole.folder)];
    const commands = [one, other].map((files) => (files['run.json'] as RunRecord).command);
    expect(commands).toEqual(['qwen-pcc validate --weights x --threads 2', 'qwen-pcc validate']);
    const asWhole = JSON.parse(JSON.stringify(one).replaceAll(commands[0]!, commands[1]!)) as unknown;
    expect(asWhole).toEqual(other);
    expect(run.exitCode).toBe(1);
  });

  it('does not depend on order, nor on prompts that several parts have', async () => {
    const parts = fc.array(fc.subarray([...UNITS.keys()], { minLength: 1 }), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(parts, async (some) => {
        const missing = [...UNITS.keys()].filter((index) => !some.flat().includes(index));
        const runs = [];
        for (const part of [...some, ...(missing.length > 0 ? [missing] : [])]) runs.push(await runPart(part));
        const { folder } = merge(runs.map((one) => one.folder));
        expect(contents(folder)).toEqual(contents(whole.folder));
      }),
      { numRuns: 10, seed: 21 },
    );
  });

  it('of one whole run is that run', () => {
    expect(contents(merge([whole.folder]).folder)).toEqual(contents(whole.folder));
  });
});

describe('a shard alone', () => {
  it('judges tokens and prompts, leaves rules over all prompts open, and says which share it is', async () => {
    const { run } = await runPart([3, 4], { shard: { index: 2, count: 7 } });
    const left = run.gate.rules.filter(({ status }) => status === 'notJudgedHere');
    expect(left.map(({ id }) => id)).toContain('pcc-median');
    expect(left.every(({ scope, metric }) => scope === 'run' && metric !== 'coverage')).toBe(true);
    expect(run.gate.rules.filter(({ scope }) => scope === 'run').length).toBe(left.length + 1);
    expect(run.coverage.rulesNotJudgedHere).toEqual(left.map(({ id }) => id));
    expect(run.verdict.headline).toMatch(/^shard 2 of 7: .*; not judged here: pcc-median/);
    expect(run.cases.map(({ name }) => name)).toEqual(['b']);
    expect({ status: run.verdict.status, exitCode: run.exitCode }).toEqual({ status: 'pass', exitCode: 0 });
  });

  it('fails with 1 where a token breaks a rule', async () => {
    const { run } = await runPart([6], { shard: { index: 1, count: 2 } });
    expect({ status: run.verdict.status, exitCode: run.exitCode }).toEqual({ status: 'fail', exitCode: 1 });
    expect(run.verdict.failingRules).toContain('pcc-minimum');
  });

  it('that no prompt fell to has nothing to fail, and says so', async () => {
    const { run } = await runPart([], { shard: { index: 7, count: 7 } });
    expect(run.exitCode).toBe(0);
    expect(run.verdict.headline).toMatch(/^shard 7 of 7, which no prompt of the plan fell to: 0 of 0 tokens judged/);
  });

  it('of one judges everything', async () => {
    const { run } = await runShard(1, 1);
    expect(run.gate.rules.filter(({ status }) => status === 'notJudgedHere')).toEqual([]);
    expect(run.verdict.headline).toMatch(/^shard 1 of 1: /);
  });
});

describe('a merge that lacks a prompt', () => {
  it('is invalid, names it and the shard to run, and keeps every row of the others', async () => {
    const shards = [await runShard(1, 3), await runShard(3, 3)];
    const { run, folder } = merge(shards.map((shard) => shard.folder));
    const lost = assignShards(UNITS, 3)[1]!;
    expect({ status: run.verdict.status, exitCode: run.exitCode }).toEqual({ status: 'invalid', exitCode: 4 });
    expect(run.failure?.code).toBe('SHARDS_MISSING');
    for (const index of lost) expect(run.verdict.headline).toContain(`${UNITS[index]!.case} › ${UNITS[index]!.prompt}`);
    expect(run.failure?.message).toContain('qwen-pcc validate --weights x --threads 2 --shard 2/3');
    const judged = shards.reduce((sum, shard) => sum + shard.run.coverage.tokensJudged, 0);
    expect(run.coverage.tokensJudged).toBe(judged);
    // What is missing comes later: the merged folder is a part like any other.
    const later = merge([folder, (await runShard(2, 3)).folder]);
    expect(contents(later.folder)).toEqual(
      contents(merge([...shards, await runShard(2, 3)].map((one) => one.folder)).folder),
    );
    expect(later.run.verdict.headline).toBe(whole.run.verdict.headline);
  });

  it('tells how to go on with a log that was killed', async () => {
    const killed = await runShard(1, 2);
    const lines = logLines(killed.folder);
    writeLog(killed.folder, lines.slice(0, Math.floor(lines.length / 2)));
    const { run } = merge([killed.folder, (await runShard(2, 2)).folder]);
    expect(run.exitCode).toBe(4);
    expect(run.failure?.message).toContain(`qwen-pcc validate --resume ${killed.folder}`);
  });
});

describe('logs that are not of one run are refused by name, and nothing is made', () => {
  const changed = async (change: (line: string, number: number) => string): Promise<string> => {
    const { folder } = await runPart([...UNITS.keys()]);
    const copy = path.join(room(), 'changed');
    cpSync(folder, copy, { recursive: true });
    writeLog(copy, logLines(copy).map(change));
    return copy;
  };
  const refused = async (other: string, code: string, exitCode: number, says: string): Promise<void> => {
    const parent = path.join(room(), 'reports');
    const call = (): MergedRun => mergeRuns([whole.folder, other], parent, REPORTS);
    expect(call).toThrow(expect.objectContaining({ code, exitCode, message: expect.stringContaining(says) }));
    expect(call).toThrow(other);
    expect(existsSync(parent)).toBe(false);
  };

  it('another plan', async () => {
    const spec = { ...SPEC, limits: { ...SPEC.limits, maxNewTokens: 5 } };
    const { folder } = await runPart(null, { spec });
    await refused(folder, 'MERGE_PLAN', 2, 'limits.maxNewTokens');
  });

  it('another version', async () => {
    const other = await changed((line, number) =>
      number === 0 ? line.replace('"version":"0.0.0"', '"version":"0.0.1"') : line,
    );
    await refused(other, 'MERGE_VERSION', 2, 'tool.version');
  });

  it('another reference', async () => {
    const other = await changed((line) =>
      line.replace(/("event":"case".*?"golden":\{.*?"weightsSha256":")[^"]*/, '$1feed'),
    );
    await refused(other, 'MERGE_SOURCE', 2, 'golden.weightsSha256');
  });

  it('another number of a prompt that both have', async () => {
    const cases = [toyCase('a', { noisy: noisyToy, failing }), toyCase('b', { toy: failing }), CASES[2]!];
    const { folder } = await runPart([4], {}, cases);
    await refused(folder, 'MERGE_ROWS', 4, 'says something else of a token');
  });

  it('evidence that was not handed on', async () => {
    const { folder } = await runPart([0]);
    rmSync(path.join(folder, 'evidence'), { recursive: true });
    await refused(folder, 'MERGE_EVIDENCE', 2, 'rows of a failing token');
  });

  it('evidence that would be a file from outside', async () => {
    const other = await changed((line) => line.replace('"evidence":"evidence/', '"evidence":"evidence/../evidence/'));
    // The sum of the rows is no secret: who changes a line changes it too. Only the path is looked at here.
    const { folder } = await runPart([0]);
    const outside = path.join(folder, 'evidence', '..', '..', 'outside.safetensors');
    writeFileSync(outside, 'secret');
    expect(() => mergeRuns([other], room(), REPORTS)).toThrow(/LOG_INCONSISTENT|rows of a failing token|does not fit/);
  });
});
