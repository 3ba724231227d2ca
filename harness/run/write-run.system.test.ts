// Facts about whole runs: same bytes every time, nothing lost when stopped, no prompt blamed for another, nothing of this machine in the artefacts.
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { homedir, hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ComparisonInvalidError, DeviceError, EXIT_CODES, InputError } from '../../src/errors.ts';
import { readRunRecord } from '../record/json-schema.ts';
import { LOG_FILE } from '../record/read-log.ts';
import { lockRun } from '../record/run-lock.ts';
import type { RunSpec } from '../record/run-spec.ts';
import type { TokenRecord } from '../record/token-record.ts';
import { readRun } from '../replay/read-run.ts';
import { ToySource } from '../sequence/toy-source.fixture.ts';
import type { OpenableCase } from '../sources/openable-case.ts';
import {
  logLines,
  noisyToy,
  resumeToy,
  runToy,
  TOY_LOCAL,
  TOY_VOCABULARY,
  toyCase,
  toyHeader,
  toySpec,
  writeLog,
} from './toy-run.fixture.ts';
import { resumeRun, startRun } from './write-run.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-write-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const two = [toyCase('a'), toyCase('b')];

function tokensOf(folder: string): TokenRecord[] {
  const tokens: TokenRecord[] = [];
  readRun(folder, (record) => tokens.push(record));
  return tokens;
}

/** A device that throws at one position of the prompts that have a token there. */
const failingAt = (position: number, tokenId: number, error: () => Error): ToySource =>
  new ToySource(TOY_VOCABULARY, (row) => {
    if (row.position === position && row.tokenId === tokenId) throw error();
    return row;
  });

/** The same case, a prompt at a time. */
const oneByOne = (one: OpenableCase): OpenableCase => ({ ...one, promptsTogether: () => 1 });

describe('writeRun', () => {
  it('judges every token of every prompt of every case', async () => {
    const { run, folder } = await runToy(scratch, two);
    expect(run.coverage).toMatchObject({ promptsPlanned: 6, promptsJudged: 6, tokensPlanned: 72, tokensJudged: 72 });
    expect(tokensOf(folder)).toHaveLength(72);
    expect(run.artifacts.map((file) => file.path)).toEqual(['junit.xml', 'report.html', 'run.jsonl', 'summary.md']);
    expect(readRunRecord(folder)).toEqual(run);
  });

  it('runs the reference once for all variants of a case', async () => {
    let opened = 0;
    const feeds: number[] = [];
    const one = oneByOne(toyCase('a', { first: noisyToy, second: noisyToy, third: noisyToy }));
    const counted = {
      ...one,
      openReference: async () => {
        opened++;
        const source = new ToySource(TOY_VOCABULARY);
        const feed = source.feed.bind(source);
        source.feed = (ids, want, onRow) => {
          feeds.push(ids.length);
          return feed(ids, want, onRow);
        };
        return source;
      },
    };
    const { run } = await runToy(scratch, [counted]);
    expect(opened).toBe(1);
    expect(feeds.reduce((sum, length) => sum + length, 0)).toBe(36);
    expect(run.coverage.tokensJudged).toBe(3 * 36);
  });

  it('states what each side and the comparison took, and the memory', async () => {
    const { run, folder } = await runToy(scratch, two);
    const tokens = tokensOf(folder);
    const usage = run.usage!;
    for (const name of ['goldenMs', 'actualMs', 'compareMs'] as const) {
      // A line rounds to microseconds.
      const sum = tokens.reduce((total, { timing }) => total + timing[name], 0);
      expect(Math.abs(usage[name] - sum)).toBeLessThan(0.001 * tokens.length);
    }
    expect(usage.compareMs).toBeGreaterThan(0);
    expect(usage.peakAnonymousBytes).toBeGreaterThan(2 ** 20);
    expect(usage.peakResidentBytes).toBeGreaterThan(usage.peakAnonymousBytes!);
  });

  it('does not run again what a resumed run has whole', async () => {
    const { folder } = await runToy(scratch, two);
    writeLog(folder, logLines(folder).slice(0, 50));
    const again: string[] = [];
    await resumeToy(folder, two, { onToken: (record) => again.push(`${record.case} ${record.prompt}`) });
    // 2 lines of heads, 36 + 3 of case a, 1 head and 8 rows of b's first prompt.
    expect([...new Set(again)]).toEqual(['b first', 'b second', 'b third']);
  });

  it('refuses to go on with a device that computes something else, and leaves the run as it is', async () => {
    const { folder } = await runToy(scratch, [toyCase('a')]);
    writeLog(folder, logLines(folder).slice(0, 6));
    const files = (): string[] =>
      ['run.json', 'junit.xml', 'summary.md', LOG_FILE].map((name) => readFileSync(path.join(folder, name), 'utf8'));
    const before = files();
    const other = [toyCase('a', { toy: () => new ToySource(TOY_VOCABULARY) })];
    await expect(resumeToy(folder, other)).rejects.toMatchObject({ code: 'RESUME_DIFFERS' });
    expect(files()).toEqual(before);
  });

  it('refuses to go on while another process does, by its name', async () => {
    const { folder } = await runToy(scratch, [toyCase('a')]);
    const lock = lockRun(folder);
    expect(() => resumeRun(folder)).toThrow(expect.objectContaining({ code: 'RUN_LOCKED' }));
    lock.release();
    expect(() => resumeRun(folder).log.close()).not.toThrow();
  });

  it('keeps what was judged when it is interrupted, and lists what was not', async () => {
    const controller = new AbortController();
    let judged = 0;
    const { run, folder } = await runToy(scratch, two.map(oneByOne), {
      signal: controller.signal,
      onToken: () => {
        judged++;
        if (judged === 30) controller.abort();
      },
    });
    expect(run).toMatchObject({ exitCode: EXIT_CODES.interrupted, verdict: { status: 'error' } });
    expect(run.coverage).toMatchObject({ tokensPlanned: 72, tokensJudged: 30 });
    expect(tokensOf(folder)).toHaveLength(30);
    const outcomes = run.cases.flatMap(({ variants }) => variants[0]!.prompts.map(({ outcome }) => outcome));
    expect(outcomes).toEqual(['pass', 'pass', 'invalid', 'notRun', 'notRun', 'notRun']);
    const xml = readFileSync(path.join(folder, 'junit.xml'), 'utf8');
    for (const name of ['first', 'second', 'third']) {
      expect([...xml.matchAll(new RegExp(`<testcase classname="[ab]" name="${name}"`, 'g'))]).toHaveLength(2);
    }
    expect(xml).toMatch(/name="third"[\s\S]*?<error message="stopped by the user"/);
    expect(xml).toMatch(
      /classname="b" name="first"[\s\S]*?<skipped message="the run ended at a › third: stopped by the user"/,
    );
  });

  it('writes whole prompts only of those that it was interrupted in together, and goes on with them', async () => {
    const controller = new AbortController();
    let judged = 0;
    const onToken = (): void => {
      if (++judged === 30) controller.abort();
    };
    const { run, folder } = await runToy(scratch, two, { signal: controller.signal, onToken });
    expect(run).toMatchObject({ exitCode: EXIT_CODES.interrupted, verdict: { status: 'error' } });
    expect(new Set(tokensOf(folder).map(({ prompt }) => prompt))).toEqual(new Set(['first']));
    const resumed = await resumeToy(folder, two);
    expect(resumed.run.coverage).toMatchObject({ tokensPlanned: 72, tokensJudged: 72 });
    expect(tokensOf(folder).map(({ timing: _, ...record }) => record)).toEqual(
      tokensOf((await runToy(scratch, two.map(oneByOne))).folder).map(({ timing: _, ...record }) => record),
    );
  });

  it('judges the other prompts when one cannot be compared', async () => {
    const lacks = (): Error => new ComparisonInvalidError('the recording ends here.', { code: 'RECORDING_ROW' });
    // The prompts are 7 7 7 7 7, 8 8 8 8 8 8, 9 9 9 9 9 9 9.
    const { run } = await runToy(scratch, [toyCase('a', { toy: () => failingAt(3, 8, lacks) })]);
    const prompts = run.cases[0]!.variants[0]!.prompts;
    expect(prompts.map(({ outcome, tokensJudged, cause }) => ({ outcome, tokensJudged, cause }))).toEqual([
      { outcome: 'pass', tokensJudged: 11, cause: null },
      { outcome: 'invalid', tokensJudged: 3, cause: 'the recording ends here.' },
      { outcome: 'pass', tokensJudged: 13, cause: null },
    ]);
    expect(run).toMatchObject({ exitCode: 4, verdict: { status: 'invalid' } });
    expect(run.verdict.headline).toMatch(/^the recording ends here\. \(27 of 36 tokens judged\)/);
  });

  it('does not blame a variant for what another one lacks', async () => {
    const lacks = (): Error => new InputError('no such row.', { code: 'RECORDING_ROW' });
    const { run } = await runToy(scratch, [toyCase('a', { whole: noisyToy, part: () => failingAt(3, 8, lacks) })]);
    const outcomes = run.cases[0]!.variants.map(({ prompts }) => prompts.map(({ outcome }) => outcome));
    expect(outcomes).toEqual([
      ['pass', 'pass', 'pass'],
      ['pass', 'invalid', 'pass'],
    ]);
  });

  it('ends at a device that fails, with the device to blame', async () => {
    const broken = (): Error => new DeviceError('the card is gone.', { code: 'CARD' });
    const { run } = await runToy(scratch, [toyCase('a', { toy: () => failingAt(3, 8, broken) })]);
    expect(run).toMatchObject({
      exitCode: EXIT_CODES.deviceFault,
      verdict: { status: 'error' },
      failure: { code: 'CARD' },
    });
    expect(run.cases[0]!.variants[0]!.prompts.map(({ outcome }) => outcome)).toEqual(['pass', 'invalid', 'notRun']);
  });

  it('is invalid when a file changes under it', async () => {
    let looks = 0;
    const changing = {
      ...oneByOne(toyCase('a')),
      requireUnchanged: async () => {
        if (++looks === 3)
          throw new ComparisonInvalidError('model.safetensors has changed.', { code: 'CHECKPOINT_CHANGED' });
      },
    };
    const { run } = await runToy(scratch, [changing]);
    expect(run).toMatchObject({ exitCode: 4, verdict: { status: 'invalid' }, failure: { code: 'CHECKPOINT_CHANGED' } });
  });

  it.each([
    { at: 'opening a side', position: null },
    { at: 'reading a row', position: 3 },
  ])('is invalid when $at fails because a file changed, not a fault of that side', async ({ position }) => {
    let isChanged = false;
    const broken = (): Error => {
      isChanged = true;
      return new DeviceError('half a tensor.', { code: 'READ' });
    };
    const one = toyCase('a', {
      toy: () => {
        if (position === null) throw broken();
        return failingAt(position, 8, broken);
      },
    });
    const requireUnchanged = async (): Promise<void> => {
      if (isChanged) throw new ComparisonInvalidError('it is gone.', { code: 'CHECKPOINT_CHANGED' });
    };
    const { run } = await runToy(scratch, [{ ...one, requireUnchanged }]);
    expect(run).toMatchObject({ exitCode: 4, verdict: { status: 'invalid' }, failure: { code: 'CHECKPOINT_CHANGED' } });
  });

  it('names the position where free texts part and counts what was left out', async () => {
    const parting = (): ToySource =>
      new ToySource(TOY_VOCABULARY, (row) => {
        if (row.position === 8) row.logits.reverse();
        return row;
      });
    const { run, folder } = await runToy(scratch, [toyCase('a', { toy: parting })], { mode: 'freeRunning' });
    const { prompts } = run.cases[0]!.variants[0]!;
    expect(prompts.map((prompt) => prompt.divergencePosition)).toEqual([9, 9, 9]);
    expect(run.coverage).toMatchObject({ tokensPlanned: 27, tokensJudged: 27, skipped: [{ count: 2 + 3 + 4 }] });
    expect(readRunRecord(folder)).toEqual(run);
  });

  it('judges the positions that were planned and says how many it did not', async () => {
    const spec = toySpec([toyCase('a')]);
    const [one] = spec.cases;
    const prompts = one!.prompts.map((prompt) => ({ ...prompt, continuationIds: [1, 2, 3], positions: [4, 5, 7] }));
    const part = { ...spec, cases: [{ ...one!, prompts }] };
    const { run, folder } = await runToy(scratch, [{ ...toyCase('a'), spec: part.cases[0]! }], { spec: part });
    expect(tokensOf(folder).map(({ position }) => position)).toEqual([4, 5, 7, 4, 5, 7, 4, 5, 7]);
    expect(run.coverage).toMatchObject({
      tokensPlanned: 9,
      tokensJudged: 9,
      skipped: [{ reason: 'the recording has no row of these positions', count: 5 + 6 + 7 }],
    });
    expect(run.exitCode).toBe(0);
  });

  it('refuses a spec that is none before a folder is made', () => {
    const { limits: _, ...without } = toySpec([toyCase('a')]);
    const parent = path.join(scratch, 'no-spec');
    expect(() => startRun(parent, toyHeader(without as RunSpec), TOY_LOCAL)).toThrow(
      expect.objectContaining({ code: 'RUN_SPEC', message: expect.stringMatching(/limits/) }),
    );
    expect(existsSync(parent)).toBe(false);
  });

  it('is invalid where the text ends before the last row that was to be judged', async () => {
    const spec = toySpec([toyCase('a')]);
    const [one] = spec.cases;
    const prompts = one!.prompts.map((prompt) => ({ ...prompt, positions: [4, 9] }));
    const eosTokenIds = Array.from({ length: TOY_VOCABULARY }, (_, id) => id);
    const ending = { ...spec, cases: [{ ...one!, prompts, eosTokenIds }] };
    const { run } = await runToy(scratch, [{ ...toyCase('a'), spec: ending.cases[0]! }], { spec: ending });
    expect(run).toMatchObject({ exitCode: 4, verdict: { status: 'invalid' }, coverage: { tokensPlanned: 6 } });
    expect(run.cases[0]!.variants[0]!.prompts[0]!.cause).toMatch(/the text ended before the last row/);
  });

  it('keeps the rows of a bounded number of failing tokens, each prompt its share', async () => {
    const turned = (): ToySource =>
      new ToySource(TOY_VOCABULARY, (row) => {
        row.logits.reverse();
        return row;
      });
    const { folder } = await runToy(scratch, [toyCase('a', { toy: turned }), toyCase('b', { toy: turned })]);
    const kept = tokensOf(folder).filter(({ evidence }) => evidence !== null);
    expect(kept.map(({ evidence }) => evidence)).toHaveLength(20);
    for (const { evidence } of kept) expect(existsSync(path.join(folder, evidence!))).toBe(true);
    const shares = new Map<string, number>();
    for (const record of kept) {
      const name = `${record.case} ${record.prompt}`;
      shares.set(name, (shares.get(name) ?? 0) + 1);
    }
    expect([...shares.values()]).toEqual([4, 4, 3, 3, 3, 3]);
  });

  it('writes nothing of this machine into its artefacts, errors included', async () => {
    const lacks = (): Error =>
      new InputError(`${path.join(homedir(), 'weights/model.safetensors')}: cannot be read.`, {
        code: 'X',
        facts: { found: scratch },
      });
    const { folder } = await runToy(scratch, [toyCase('a', { toy: () => failingAt(3, 8, lacks) })]);
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /\.(jsonl?|xml|md|html)$/.test(name),
    );
    expect(files.sort()).toEqual(['junit.xml', 'local.json', 'report.html', 'run.json', 'run.jsonl', 'summary.md']);
    for (const file of files.filter((name) => name !== 'local.json')) {
      const text = readFileSync(path.join(folder, file), 'utf8');
      for (const name of [process.cwd(), homedir(), scratch, hostname()]) {
        if (name.length > 1)
          expect(`${file}: ${text.includes(`"${name}`) || text.includes(` ${name}`)}`).toBe(`${file}: false`);
      }
    }
  });

  it('goes on in a copy of its folder elsewhere', async () => {
    const { folder } = await runToy(scratch, [toyCase('a')]);
    const copy = mkdtempSync(path.join(scratch, 'copy-'));
    cpSync(folder, copy, { recursive: true });
    writeLog(copy, logLines(folder).slice(0, 20));
    await resumeToy(copy, [toyCase('a')]);
    expect(tokensOf(copy)).toHaveLength(36);
  });
});
