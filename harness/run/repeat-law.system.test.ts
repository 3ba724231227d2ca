// The law of a run whose device is fed prompts again: a device that repeats itself changes no verdict, one that does not is measured,
// and a verdict within its spread is none; resumed and merged as it is whole.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LogitsSource } from '../../src/device/logits-source.ts';
import { JitteringSource } from '../faults/jittering-source.ts';
import type { RunRecord } from '../record/run-record.ts';
import type { RunSpec } from '../record/run-spec.ts';
import { concludeRun } from '../replay/conclude-run.ts';
import { readRun } from '../replay/read-run.ts';
import { junitXml } from '../report/junit.ts';
import { ToySource } from '../sequence/toy-source.fixture.ts';
import type { OpenableCase } from '../sources/openable-case.ts';
import { mergeRuns } from './merge-runs.ts';
import {
  logLines,
  noisyToy,
  resumeToy,
  runToy,
  TOY_VOCABULARY,
  toyCase,
  toySpec,
  writeLog,
} from './toy-run.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-repeat-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const folderFor = (): string => mkdtempSync(path.join(scratch, 'run-'));

/** Enough draws for each of the three prompts. */
const REPEAT = { tokens: 20, seed: 1 };
const specOf = (cases: readonly OpenableCase[], judge: Partial<RunSpec['judge']> = {}, repeat = REPEAT): RunSpec => {
  const { cases: specs, ...rest } = toySpec(cases);
  return { ...rest, judge: { ...rest.judge, ...judge }, repeat, cases: specs };
};
const run = (cases: readonly OpenableCase[], spec = specOf(cases), part?: readonly number[]) =>
  runToy(folderFor(), cases, part === undefined ? { spec } : { spec, part });

/** Without what the clock and the folder say. */
const sayings = ({ verdict, exitCode, coverage, gate, determinism }: RunRecord): unknown =>
  JSON.parse(JSON.stringify({ verdict, exitCode, coverage, gate, determinism }));

/** Only a minimum of PCC, at this place. */
const minimum = (threshold: number): Partial<RunSpec['judge']> => {
  const { rules } = toySpec([]).judge;
  return {
    pccMinimum: threshold,
    rules: rules.flatMap((rule) =>
      rule.origin === 'hard' ? [rule] : rule.metric === 'pcc' ? [{ ...rule, threshold }] : [],
    ),
  };
};

describe('a device that repeats itself', () => {
  const cases = [toyCase('a')];
  let whole: { readonly folder: string; readonly run: RunRecord };
  beforeAll(async () => {
    whole = await run(cases);
  });

  it('is equal to the bit in every way', () => {
    const [variant] = whole.run.determinism!.variants;
    expect(variant!.prompts).toEqual(['first', 'second', 'third']);
    for (const { rows, equal, measured } of variant!.ways)
      expect({ equal, measured }).toEqual({ equal: rows, measured: rows });
    expect(variant!.ways.map(({ way, rows }) => `${way} ${rows}`)).toEqual(['again 36', 'cut 36', 'row 36']);
    expect(variant).toMatchObject({ spread: { pcc: 0, klNats: 0 }, unstableTokens: 0 });
  });

  it('has the rows and the verdict of a run without repetition', async () => {
    const { determinism: _of, ...rest } = whole.run;
    const plain = (await runToy(folderFor(), cases)).run;
    expect(rest.verdict).toEqual(plain.verdict);
    const results = (rules: RunRecord['gate']['rules']) => rules.map(({ unstable: _none, ...rule }) => rule);
    expect(results(rest.gate.rules)).toEqual(results(plain.gate.rules));
  });

  it('says the same read again, resumed after any line, and merged', async () => {
    expect(sayings(concludeRun(readRun(whole.folder)))).toEqual(sayings(whole.run));
    const lines = logLines(whole.folder);
    const repeats = lines.flatMap((line, i) => (line.startsWith('{"event":"repeat"') ? [i] : []));
    expect(repeats).toHaveLength(9);
    for (const kept of [3, repeats[1]!, repeats[4]! + 1]) {
      const folder = folderFor();
      cpSync(whole.folder, folder, { recursive: true });
      writeLog(folder, lines.slice(0, kept));
      expect(sayings((await resumeToy(folder, cases)).run)).toEqual(sayings(whole.run));
    }
    const parts = await Promise.all([[1], [0, 2]].map((part) => run(cases, specOf(cases), part)));
    expect(
      sayings(
        mergeRuns(
          parts.map(({ folder }) => folder),
          folderFor(),
          {},
        ).run,
      ),
    ).toEqual(sayings(whole.run));
  });

  it('whose log lacks a repetition does not hold together', () => {
    const folder = folderFor();
    cpSync(whole.folder, folder, { recursive: true });
    const lines = logLines(whole.folder);
    const lost = lines.findIndex((line) => line.startsWith('{"event":"repeat"'));
    writeLog(folder, [...lines.slice(0, lost), ...lines.slice(lost + 1)]);
    expect(() => readRun(folder)).toThrow(expect.objectContaining({ code: 'LOG_INCONSISTENT' }));
  });

  it('is fed only the prompts that hold a drawn token', async () => {
    const { run: few } = await run(cases, specOf(cases, {}, { tokens: 1, seed: 3 }));
    expect(few.determinism!.variants[0]!.prompts).toHaveLength(1);
  });
});

describe('a device that does not', () => {
  const jittering = (size: number): OpenableCase[] => [
    toyCase('a', { toy: () => new JitteringSource(noisyToy(), size, 5) }),
  ];

  it('is measured, and said in the headline, though it passes', async () => {
    const { run: measured } = await run(jittering(0.001));
    const [variant] = measured.determinism!.variants;
    expect(variant!.ways[0]).toMatchObject({ rows: 36, equal: 0, measured: 36 });
    expect(variant!.ways[0]!.maxAbs).toBeGreaterThan(0.002);
    expect(variant!.ways[0]!.maxAbs).toBeLessThan(0.02);
    expect(variant!.spread.pcc).toBeGreaterThan(0);
    expect(measured.verdict).toMatchObject({
      status: 'pass',
      headline: expect.stringContaining('fed again the device gives other bits (again 36 of 36 rows'),
    });
  });

  it('has tokens that neither pass nor fail where the spread reaches over the limit', async () => {
    const cases = jittering(0.3);
    const plain = (await runToy(folderFor(), cases)).run;
    const { min } = plain.summary.all.pcc!;
    const within = await run(cases, specOf(cases, minimum(min - 1e-9)));
    const [variant] = within.run.determinism!.variants;
    expect(variant!.spread.pcc).toBeGreaterThan(0);
    const rule = within.run.gate.rules.find(({ metric }) => metric === 'pcc')!;
    expect(rule).toMatchObject({ status: 'unstable', failures: 0, unstable: variant!.unstableTokens });
    expect(variant!.unstableTokens).toBeGreaterThan(0);
    expect(rule.judged + rule.unstable!).toBe(36);
    expect(within.run).toMatchObject({ exitCode: 4, verdict: { status: 'invalid', failingRules: [rule.id] } });
    expect(within.run.verdict.headline).toContain('unstable within the measured spread of the device: pcc-minimum at');
    const outcomes = within.run.cases[0]!.variants[0]!.prompts.map(({ outcome }) => outcome);
    expect(outcomes).toContain('unstable');
    expect(outcomes).not.toContain('fail');
    expect(junitXml(within.run, within.replay.highlights)).toMatch(
      /<error message="\d+ tokens? within the measured spread/,
    );
  });

  it('is not blamed for the side of a limit on which tokens lie that may break it', async () => {
    const cases = jittering(0.3);
    const { min } = (await runToy(folderFor(), cases)).run.summary.all.pcc!;
    const known = { reason: 'bug 7', owner: 'Ada', expires: '2027-01-31', isExpired: false };
    const expected = [{ rule: 'pcc-minimum', places: [{ case: 'a', variant: 'toy' }], ...known }];
    const { run: within } = await run(cases, specOf(cases, { ...minimum(min - 1e-9), expected }));
    expect(within).toMatchObject({ exitCode: 0, verdict: { status: 'pass' } });
    const over = [{ ...expected[0]!, isExpired: true }];
    const { run: after } = await run(cases, specOf(cases, { ...minimum(min - 1e-9), expected: over }));
    expect(after).toMatchObject({ exitCode: 4, verdict: { status: 'invalid' } });
  });

  it('fails all the same where tokens lie beyond the spread', async () => {
    const cases = jittering(0.001);
    const plain = (await runToy(folderFor(), cases)).run;
    const { run: beyond } = await run(cases, specOf(cases, minimum(plain.summary.all.pcc!.p50)));
    const rule = beyond.gate.rules.find(({ metric }) => metric === 'pcc')!;
    expect(rule.status).toBe('fail');
    expect(rule.failures).toBeGreaterThan(10);
    expect(beyond).toMatchObject({ exitCode: 1, verdict: { status: 'fail' } });
  });

  it('loses a limit that is far away to no spread', async () => {
    const cases = [
      toyCase('a', { toy: () => new JitteringSource(new ToySource(TOY_VOCABULARY) as LogitsSource, 0.01, 5) }),
    ];
    const { run: far } = await run(cases, specOf(cases, minimum(0.5)));
    expect(far.determinism!.variants[0]!.unstableTokens).toBe(0);
    expect(far.verdict.status).toBe('pass');
  });
});
