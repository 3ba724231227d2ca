// What a rules file says is in the log: a run resumed, merged or read again judges the same, with no file there.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunRecord } from '../record/run-record.ts';
import type { JudgeSettings, RunSpec } from '../record/run-spec.ts';
import { concludeRun } from '../replay/conclude-run.ts';
import { readRun } from '../replay/read-run.ts';
import { parseRulesFile } from '../rules-file/read-rules-file.ts';
import { resolveRules } from '../rules-file/resolve-rules.ts';
import type { RulesFile } from '../rules-file/rules-file.ts';
import { ToySource } from '../sequence/toy-source.fixture.ts';
import { mergeRuns } from './merge-runs.ts';
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
import { resumeRun, startRun, type WrittenRun, writeRun } from './write-run.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-rules-run-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const room = () => mkdtempSync(path.join(scratch, 'room-'));

/** Every fifth row of it fails. */
const failing = () =>
  new ToySource(TOY_VOCABULARY, (row) => {
    if (row.position % 5 === 4) row.logits.reverse();
    return row;
  });
const CASES = [toyCase('a', { noisy: noisyToy, failing }), toyCase('b')];
const ADA = { reason: 'bug 7', owner: 'Ada', expires: '2027-01-31' };
const FILE: RulesFile = {
  rules: [
    { id: 'pcc-noisy', instead: 'pcc-minimum', applies: { variant: 'noisy' }, threshold: 0.9 },
    { id: 'golden-rank', threshold: 40, loosened: ADA },
    { id: 'regret', scope: 'token', metric: 'regretNats', threshold: 0.5, reason: 'mine' },
  ],
  expected: [
    ...['pcc-minimum', 'golden-rank', 'regret'].map((rule) => ({
      rule,
      applies: { case: 'a', variant: 'failing', positions: [4, 4] as [number, number] },
      ...ADA,
    })),
    { rule: 'regret', applies: { case: 'b' }, ...ADA },
  ],
};

function judgeOf(content: RulesFile, today = '2026-11-26'): JudgeSettings {
  const file = { path: 'qwen-pcc.config.json', sha256: '0'.repeat(64), content: parseRulesFile(content, 'f') };
  const cases = CASES.map(({ spec }) => spec);
  return resolveRules(file, { semantics: 'strict', threshold: undefined, cases, today }).judge;
}
const specOf = (judge: JudgeSettings): RunSpec => ({ ...toySpec(CASES), judge });
const runSpec = (spec: RunSpec, cases = CASES, part: readonly number[] | null = null) =>
  writeRun(startRun(room(), toyHeader(spec, part), TOY_LOCAL), { cases });
const run = (judge: JudgeSettings, part?: readonly number[]) => runSpec(specOf(judge), CASES, part);
/** What was judged, without times. */
const judged = ({ verdict, gate, coverage, config, cases }: RunRecord) => ({
  ...{ verdict, gate, coverage, config },
  prompts: cases.flatMap(({ variants }) =>
    variants.flatMap(({ prompts }) => prompts.map((one) => ({ ...one, ms: 0 }))),
  ),
});

describe('a run with a rules file', () => {
  let whole: WrittenRun;
  beforeAll(async () => {
    whole = await run(judgeOf(FILE));
  });

  it('whose log was given looser rules by hand says so', () => {
    const [first, ...rest] = logLines(whole.folder);
    const changed = first!.replace(/("id":"kl-mean",.*?"threshold":)0\.05/, '$10.5');
    expect(changed).not.toBe(first);
    const folder = room();
    cpSync(whole.folder, folder, { recursive: true });
    writeLog(folder, [changed, ...rest]);
    expect(concludeRun(readRun(folder)).verdict.headline).toContain(
      'LOOSER than the default, and nobody answers for it: kl-mean;',
    );
    expect(whole.run.verdict.headline).not.toContain('LOOSER than');
  });

  it('whose log was given an expected failure of a hard rule does not hold together', () => {
    const [first, ...rest] = logLines(whole.folder);
    const changed = first!.replace('"expected":[{"rule":"pcc-minimum"', '"expected":[{"rule":"finite"');
    expect(changed).not.toBe(first);
    const folder = room();
    cpSync(whole.folder, folder, { recursive: true });
    writeLog(folder, [changed, ...rest]);
    expect(() => readRun(folder)).toThrow(expect.objectContaining({ code: 'LOG_INCONSISTENT' }));
  });

  it('judges with it', () => {
    const { gate, cases, verdict, config } = whole.run;
    expect(config.rulesFile?.name).toBe('qwen-pcc.config.json');
    expect(verdict.headline).toContain('LOOSENED: golden-rank; 7 expected failures');
    expect(gate.expected?.map(({ found }) => found)).toEqual([3, 1, 3, 0]);
    expect(cases[0]!.variants[1]!.prompts.map(({ tokensExpected }) => tokensExpected)).toEqual([1, 1, 1]);
    expect(gate.rules.find(({ id }) => id === 'pcc-noisy')).toMatchObject({ threshold: 0.9, failures: 0 });
  });

  it('is read again the same from its log alone', () => {
    expect(judged(concludeRun(readRun(whole.folder)))).toEqual(judged(whole.run));
  });

  it.each([2, 9, 25, 40])('goes on after line %d the same', async (line) => {
    const folder = path.join(room(), 'run');
    cpSync(whole.folder, folder, { recursive: true });
    writeLog(folder, logLines(folder).slice(0, line));
    expect(judged((await writeRun(resumeRun(folder), { cases: CASES })).run)).toEqual(judged(whole.run));
  });

  it('is the merge of its parts', async () => {
    const parts = [await run(judgeOf(FILE), [1, 4]), await run(judgeOf(FILE), [0, 2, 3, 5])];
    const merged = mergeRuns(
      parts.map(({ folder }) => folder),
      room(),
      {},
    );
    expect(judged(merged.run)).toEqual(judged(whole.run));
  });
});

describe('a file equal to the defaults', () => {
  it('gives the same lines and record but for where the rules are from', async () => {
    const plain = await run(toySpec(CASES).judge);
    const equal = await run(judgeOf({ rules: [{ id: 'kl-mean', threshold: 0.05 }] }));
    const { rulesFile, ...config } = equal.run.config;
    expect(rulesFile).toBeDefined();
    expect(judged({ ...equal.run, config })).toEqual(judged(plain.run));
    const untimed = (folder: string) =>
      logLines(folder)
        .slice(1, -1)
        .map((line) => line.replace(/,"timing":.*/, ''));
    expect(untimed(equal.folder)).toEqual(untimed(plain.folder));
  });
});

describe('a loosening that is over', () => {
  const only: RulesFile = { rules: [{ id: 'golden-rank', threshold: 40, loosened: ADA }] };
  const clean = [toyCase('b')];

  it('fails a run that passes until its day', async () => {
    const fate = async (today: string) => {
      const judge = { ...judgeOf(only, today), rulesFile: { name: 'f', sha256: '0'.repeat(64) } };
      const spec = { ...toySpec(clean), judge };
      return (await runSpec(spec, clean)).run;
    };
    expect((await fate('2027-01-31')).exitCode).toBe(0);
    const over = await fate('2027-02-01');
    expect([over.exitCode, over.verdict.failingRules]).toEqual([1, ['golden-rank']]);
    expect(over.verdict.headline).toContain('golden-rank: loosened until 2027-01-31, which is over, by Ada: bug 7');
  });
});
