// The law of a run with a baseline: resumed after a kill, and merged from parts, it says what it says whole; a worsening is found by name.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { baselineOfRun } from '../baseline/baseline-of-run.ts';
import { BaselineTokens } from '../baseline/baseline-tokens.ts';
import { type BaselineSpec, formatBaseline, heldAgainst, parseBaseline } from '../record/baseline.ts';
import type { RunRecord } from '../record/run-record.ts';
import type { RunSpec } from '../record/run-spec.ts';
import { concludeRun } from '../replay/conclude-run.ts';
import { besideBaseline } from '../replay/read-baseline.ts';
import { readRun } from '../replay/read-run.ts';
import { ToySource } from '../sequence/toy-source.fixture.ts';
import type { OpenableCase } from '../sources/openable-case.ts';
import { mergeRuns } from './merge-runs.ts';
import {
  logLines,
  resumeToy,
  runToy,
  TOY_VOCABULARY,
  toyCase,
  toyCaseOf,
  toySpec,
  writeLog,
} from './toy-run.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-baseline-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const folderFor = (): string => mkdtempSync(path.join(scratch, 'run-'));

/** Eight prompts of 26 … 40 tokens and 6 new ones on a device that errs by so much in every row. */
function casesOf(error: number, change: Partial<OpenableCase> = {}): OpenableCase[] {
  const device = (): ToySource =>
    new ToySource(TOY_VOCABULARY, (row) => {
      for (let i = 0; i < 6; i++) row.logits[(7 * row.position + 11 * i) % TOY_VOCABULARY]! += error * (1 - (i % 3));
      return row;
    });
  const { spec } = toyCase('a', { toy: device });
  const prompts = Array.from({ length: 8 }, (_, i) => ({
    ...spec.prompts[0]!,
    name: `p${i}`,
    promptIds: Array.from({ length: 26 + 2 * i }, (_, at) => (at * (i + 3)) % 50),
  }));
  return [{ ...toyCaseOf({ ...spec, prompts }, { toy: device }), ...change }];
}

const specWith = (baseline: BaselineSpec, cases: readonly OpenableCase[]): RunSpec => {
  const { cases: specs, ...rest } = toySpec(cases);
  return { ...rest, baseline, cases: specs };
};

/** As the file would have it, written and read. */
function accepted(folder: string): BaselineSpec {
  const tokens = new BaselineTokens();
  const replay = readRun(folder, (record) => tokens.add(record));
  const beside = besideBaseline(replay, tokens);
  const summaryOf = replay.gate.summarizeVariant;
  const baseline = baselineOfRun(
    { ...beside, run: replay.run, verdict: 'pass', summaryOf },
    { reason: 'a test', acceptedAt: '2026-11-25T00:00:00.000Z', before: undefined },
  );
  return heldAgainst(parseBaseline(formatBaseline(baseline)));
}

/** What does not depend on the clock or the folder. */
const sayings = ({ verdict, exitCode, coverage, gate, baseline }: RunRecord): unknown =>
  JSON.parse(JSON.stringify({ verdict, exitCode, coverage, gate, baseline }));

const ruleOf = ({ gate }: RunRecord) => gate.rules.find(({ id }) => id === 'not-worse-than-baseline');

describe('a run with a baseline', () => {
  const cases = casesOf(0.75);
  let baseline: BaselineSpec;
  let whole: { readonly folder: string; readonly run: RunRecord };
  beforeAll(async () => {
    baseline = accepted((await runToy(folderFor(), casesOf(0.25))).folder);
    whole = await runToy(folderFor(), cases, { spec: specWith(baseline, cases) });
  });

  it('that is worse fails by that rule, and says by how much', () => {
    expect(ruleOf(whole.run)).toMatchObject({ status: 'fail', failures: 1, judged: 1 });
    expect(whole.run.verdict.failingRules).toContain('not-worse-than-baseline');
    expect(whole.run).toMatchObject({ exitCode: 1, verdict: { status: 'fail' } });
    expect(whole.run.verdict.headline).toMatch(/worse \(.*mean KL \+0\.\d{4} nat.* than the baseline/);
  });

  it('says the same read again from its log alone', () => {
    expect(sayings(concludeRun(readRun(whole.folder)))).toEqual(sayings(whole.run));
  });

  it('says the same resumed after any line', async () => {
    const lines = logLines(whole.folder);
    for (const kept of [1, 180, lines.length - 1]) {
      const folder = folderFor();
      cpSync(whole.folder, folder, { recursive: true });
      writeLog(folder, lines.slice(0, kept), lines[kept]!.slice(0, 20));
      expect(sayings((await resumeToy(folder, cases)).run)).toEqual(sayings(whole.run));
    }
  });

  it('says the same merged from parts, which leave it to the merge', async () => {
    const spec = specWith(baseline, cases);
    const parts = [
      [0, 3, 5],
      [1, 2, 4, 6, 7],
    ];
    const runs = await Promise.all(parts.map((part) => runToy(folderFor(), cases, { spec, part })));
    for (const { run } of runs) {
      expect(ruleOf(run)).toMatchObject({ status: 'notJudgedHere' });
      expect(run.coverage.rulesNotJudgedHere).toContain('not-worse-than-baseline');
    }
    const merged = mergeRuns(
      runs.map(({ folder }) => folder),
      folderFor(),
      {},
    );
    expect(sayings(merged.run)).toEqual(sayings(whole.run));
  });

  it('that is the baseline again is the same', async () => {
    const same = casesOf(0.25);
    const { run } = await runToy(folderFor(), same, { spec: specWith(baseline, same) });
    expect(run.baseline?.variants.map(({ word }) => word)).toEqual(['same']);
    expect(run.verdict.status).toBe('pass');
  });

  it('that is better passes', async () => {
    const better = casesOf(0.05);
    const { run } = await runToy(folderFor(), better, { spec: specWith(baseline, better) });
    expect(run.baseline?.variants.map(({ word }) => word)).toEqual(['better']);
    expect(run.verdict.status).toBe('pass');
  });

  it('of another reference ends before its first token', async () => {
    class Other extends ToySource {
      override readonly info = { ...new ToySource(1).info, weightsSha256: 'other' };
    }
    const other = casesOf(0.25, { openReference: async () => new Other(TOY_VOCABULARY) });
    const { run } = await runToy(folderFor(), other, { spec: specWith(baseline, other) });
    expect(run).toMatchObject({ exitCode: 4, failure: { code: 'BASELINE_DIFFERS' }, coverage: { tokensJudged: 0 } });
    expect(run.baseline).toMatchObject({ status: 'invalid', misfits: [{ what: 'weights of the reference of a' }] });
  });

  it('whose texts went another way is invalid', async () => {
    const otherText = casesOf(0.25, {
      openReference: async () =>
        new ToySource(TOY_VOCABULARY, (row) => {
          if (row.position === 26) row.logits[5]! += 20;
          return row;
        }),
    });
    const { run } = await runToy(folderFor(), otherText, { spec: specWith(baseline, otherText) });
    expect(run.exitCode).toBe(4);
    expect(ruleOf(run)?.status).toBe('invalid');
    expect(run.verdict.headline).toContain('the baseline is of another run: text of a › p0');
  });
});
