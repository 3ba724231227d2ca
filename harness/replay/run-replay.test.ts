// What a log must say to be believed: each kind of change to a finished run's log is found, by the line.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { logLines, resumeToy, runToy, toyCase, writeLog } from '../run/toy-run.fixture.ts';
import { concludeRun } from './conclude-run.ts';
import { readRun } from './read-run.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-replay-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const cases = [toyCase('a')];
let whole = '';
let lines: readonly string[] = [];
beforeAll(async () => {
  whole = (await runToy(scratch, cases)).folder;
  lines = logLines(whole);
});

/** The finished run with other lines in its log. */
function changed(change: (lines: readonly string[]) => readonly string[]): string {
  const folder = mkdtempSync(path.join(scratch, 'changed-'));
  cpSync(whole, folder, { recursive: true });
  writeLog(folder, change(lines));
  return folder;
}

type Json = Record<string, unknown>;

const edit =
  (number: number, change: (json: Json) => Json) =>
  (all: readonly string[]): readonly string[] =>
    all.map((line, i) => (i === number ? JSON.stringify(change(JSON.parse(line) as Json)) : line));

/** Lines: run, case, 11 tokens of the first prompt, its end, 12 tokens of the second, … */
const FIRST_ROW = 2;
const FIRST_END = 13;
const SECOND_ROW = 14;

describe('a log', () => {
  it('is what this test takes it for', () => {
    const events = lines.map((line) => (JSON.parse(line) as Json)['event']);
    expect(events.slice(0, FIRST_ROW)).toEqual(['run', 'case']);
    expect([events[FIRST_END], events[SECOND_ROW], events.at(-1)]).toEqual(['prompt', 'token', 'end']);
    expect(concludeRun(readRun(whole)).verdict.status).toBe('pass');
  });

  it.each([
    { what: 'the last row of a prompt taken out', change: (all: readonly string[]) => all.toSpliced(FIRST_END - 1, 1) },
    { what: 'a row in the middle taken out', change: (all: readonly string[]) => all.toSpliced(FIRST_ROW + 4, 1) },
    { what: 'two rows exchanged', change: (all: readonly string[]) => all.toSpliced(4, 2, all[5]!, all[4]!) },
    { what: 'a row twice', change: (all: readonly string[]) => all.toSpliced(4, 0, all[4]!) },
    { what: 'a number of a row edited', change: edit(5, (row) => ({ ...row, pcc: 0.9 })) },
    { what: 'a failing row called passing', change: edit(5, (row) => ({ ...row, pcc: 0.5, outcome: 'fail' })) },
    { what: 'another token in a row', change: edit(5, (row) => ({ ...row, token: 9 })) },
    { what: 'another context in a row', change: edit(5, (row) => ({ ...row, context: 'c0ffee' })) },
    { what: 'a row of a prompt that is not planned', change: edit(5, (row) => ({ ...row, prompt: 'fourth' })) },
    { what: "a prompt's end taken out", change: (all: readonly string[]) => all.toSpliced(FIRST_END, 1) },
    {
      what: 'a prompt shortened, its end made to fit',
      change: (all: readonly string[]) =>
        edit(FIRST_END - 1, (end) => ({ ...end, length: 10, planned: 10, judged: 10 }))(
          all.toSpliced(FIRST_END - 1, 1),
        ),
    },
    {
      what: 'a prompt that claims to have ended early',
      change: edit(FIRST_END, (end) => ({ ...end, stop: 'eos' })),
    },
    {
      what: 'a prompt called failed without a cause',
      change: edit(FIRST_END, (end) => ({ ...end, stop: 'failed' })),
    },
    {
      what: 'a prompt with all of it taken out',
      change: (all: readonly string[]) => all.toSpliced(FIRST_ROW, FIRST_END + 1 - FIRST_ROW),
    },
    { what: 'the beginning of the case taken out', change: (all: readonly string[]) => all.toSpliced(1, 1) },
    { what: 'something after the end', change: (all: readonly string[]) => [...all, all.at(-1)!] },
    {
      what: 'a prompt taken out of the plan and its rows',
      change: (all: readonly string[]) =>
        edit(0, (run) => {
          const spec = run['spec'] as { cases: { prompts: unknown[] }[] };
          spec.cases[0]!.prompts.shift();
          return run;
        })(all),
    },
  ])('with $what is refused, and stays as it is', async ({ change }) => {
    const folder = changed(change);
    const before = logLines(folder);
    const refused = expect.objectContaining({
      code: expect.stringMatching(/^LOG_(INCONSISTENT|BROKEN)$/),
      exitCode: 2,
    });
    expect(() => readRun(folder)).toThrow(refused);
    await expect(resumeToy(folder, cases)).rejects.toEqual(refused);
    expect(logLines(folder)).toEqual(before);
  });

  it('says which line does not fit', () => {
    const folder = changed(edit(5, (row) => ({ ...row, position: 7 })));
    expect(() => readRun(folder)).toThrow(/run\.jsonl: line 6 does not fit[\s\S]*position 7[\s\S]*position 3/);
  });

  it('of a killed run is an error, however much was judged', () => {
    const { verdict, exitCode, coverage } = concludeRun(readRun(changed((all) => all.slice(0, -14))));
    expect({ status: verdict.status, exitCode }).toEqual({ status: 'error', exitCode: 130 });
    expect(coverage).toMatchObject({ tokensPlanned: 36, promptsPlanned: 3 });
  });
});
