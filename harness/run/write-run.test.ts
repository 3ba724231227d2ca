// Facts about whole runs: same bytes every time, nothing lost when stopped, nothing of this machine in the artefacts.
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, unlinkSync } from 'node:fs';
import { homedir, hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { EXIT_CODES, InputError } from '../../src/errors.ts';
import { gatePlan } from '../calibration/gate-run.ts';
import { validateRunFolder } from '../record/json-schema.ts';
import { TOKENS_FILE } from '../record/read-run-folder.ts';
import { RunFolder } from '../record/run-folder.ts';
import { formatTokenLine } from '../record/token-record.ts';
import { ToySource } from '../sequence/toy-source.fixture.ts';
import { describePlan, type RunPlan } from './run-validate.ts';
import { TOY_VOCABULARY, toyCase, toyPlan } from './toy-plan.fixture.ts';
import { type WriteRunOptions, writeRun } from './write-run.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-write-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const startedAt = new Date('2026-11-24T10:43:10Z');
const tool = { name: 'qwen-pcc', version: '0.0.0', gitSha: null };

async function run(plan: RunPlan, options: Partial<WriteRunOptions> = {}) {
  const folder = options.folder ?? RunFolder.create(scratch, startedAt, describePlan(plan));
  const written = await writeRun(plan, { folder, startedAt, tool, command: 'qwen-pcc validate', ...options });
  return { ...written, folder: folder.folder };
}

/** tokens.jsonl without what may differ between two runs. */
function lines(folder: string): string[] {
  const { tokens } = validateRunFolder(folder);
  return tokens.map((record) => formatTokenLine({ ...record, timing: { goldenMs: 0, actualMs: 0, compareMs: 0 } }));
}

describe('writeRun', () => {
  it('judges every token of every prompt of every case', async () => {
    const { run: record, folder } = await run(toyPlan());
    expect(record.coverage).toMatchObject({ promptsPlanned: 6, promptsJudged: 6, tokensPlanned: 72, tokensJudged: 72 });
    expect(validateRunFolder(folder).tokens).toHaveLength(72);
    expect(record.artifacts.map((file) => file.path)).toEqual([
      'junit.xml',
      'plan.json',
      'sources/a.json',
      'sources/b.json',
      'summary.md',
      'tokens.jsonl',
    ]);
  });

  it('states what each side and the comparison took, and the memory', async () => {
    const { run: record, records } = await run(toyPlan());
    const sum = (name: 'goldenMs' | 'actualMs' | 'compareMs'): number =>
      records.reduce((total, { timing }) => total + timing[name], 0);
    const { usage } = record;
    for (const name of ['goldenMs', 'actualMs', 'compareMs'] as const) expect(usage[name]).toBeCloseTo(sum(name), 6);
    expect(usage.compareMs).toBeGreaterThan(0);
    expect(usage.peakAnonymousBytes).toBeGreaterThan(2 ** 20);
    expect(usage.peakResidentBytes).toBeGreaterThan(usage.peakAnonymousBytes!);
  });

  it('goes on where a killed run stopped and ends with the same records', async () => {
    const plan = toyPlan();
    const whole = await run(plan);
    const killed = await run(plan);
    const tokens = path.join(killed.folder, TOKENS_FILE);
    const text = readFileSync(tokens, 'utf8');
    unlinkSync(path.join(killed.folder, 'run.json'));
    truncateSync(tokens, Buffer.byteLength(text.split('\n').slice(0, 50).join('\n')) + 40);
    const judgedAgain: string[] = [];
    const resumed = await run(plan, {
      folder: RunFolder.resume(killed.folder, describePlan(plan)),
      onToken: ({ variant, prompt, position }) => judgedAgain.push(`${variant} ${prompt} ${position}`),
    });
    expect(lines(resumed.folder)).toEqual(lines(whole.folder));
    expect(judgedAgain).toHaveLength(72);
    expect(resumed.run.verdict).toEqual(whole.run.verdict);
  });

  it('refuses to resume when the device computes something else', async () => {
    const { folder } = await run(toyPlan([toyCase('a')]));
    const other = toyPlan([toyCase('a', () => new ToySource(TOY_VOCABULARY))]);
    const resumed = await run(other, { folder: RunFolder.resume(folder, describePlan(other)) });
    expect(resumed.failure).toMatchObject({ code: 'RESUME_DIFFERS' });
    expect(resumed.run).toMatchObject({ exitCode: EXIT_CODES.comparisonInvalid, verdict: { status: 'invalid' } });
  });

  it('keeps what was judged when it is interrupted', async () => {
    const controller = new AbortController();
    let judged = 0;
    const { run: record, folder } = await run(toyPlan(), {
      signal: controller.signal,
      onToken: () => {
        judged++;
        if (judged === 30) controller.abort();
      },
    });
    expect(record).toMatchObject({ exitCode: EXIT_CODES.interrupted, verdict: { status: 'error' } });
    expect(record.coverage).toMatchObject({ tokensPlanned: 72, tokensJudged: 30 });
    expect(validateRunFolder(folder).tokens).toHaveLength(30);
  });

  it('keeps what was judged when the disk is full', async () => {
    const plan = toyPlan();
    const folder = RunFolder.create(scratch, startedAt, describePlan(plan));
    const append = folder.append.bind(folder);
    let appended = 0;
    folder.append = (record) => {
      if (++appended > 20) throw new InputError('tokens.jsonl: the disk is full.', { code: 'DISK_FULL' });
      append(record);
    };
    const { run: record, failure } = await run(plan, { folder });
    expect(failure).toMatchObject({ code: 'DISK_FULL' });
    expect(record).toMatchObject({ exitCode: EXIT_CODES.usage, events: [{ level: 'error', code: 'DISK_FULL' }] });
    expect(validateRunFolder(folder.folder).tokens).toHaveLength(20);
  });

  it('names the position where free texts part and counts what was left out', async () => {
    const parting = (): ToySource =>
      new ToySource(TOY_VOCABULARY, (row) => {
        if (row.position === 8) row.logits.reverse();
        return row;
      });
    const { run: record } = await run(toyPlan([toyCase('a', parting)], 'freeRunning'));
    expect(record.variants[0]!.prompts.map((prompt) => prompt.divergencePosition)).toEqual([9, 9, 9]);
    expect(record.coverage).toMatchObject({ tokensPlanned: 27, tokensJudged: 27, skipped: [{ count: 2 + 3 + 4 }] });
  });

  it('writes nothing of this machine into its artefacts', async () => {
    const { folder } = await run(toyPlan());
    for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.includes('.'),
    )) {
      const text = readFileSync(path.join(folder, file), 'utf8');
      for (const name of [process.cwd(), homedir(), scratch, hostname()]) {
        if (name.length > 1) expect(`${file}: ${text.includes(name)}`).toBe(`${file}: false`);
      }
    }
  });
});

describe('a run of the tiny checkpoint', () => {
  const gate = { checkpoint: 'tiny-qwen2', only: ['senate-and-house'], maxNewTokens: 12, out: scratch };

  it('has the same records each time, with one thread and with two', async () => {
    const [first, again, onTwo] = [
      await run(gatePlan({ ...gate, threads: 1 })),
      await run(gatePlan({ ...gate, threads: 1 })),
      await run(gatePlan({ ...gate, threads: 2 })),
    ];
    expect(lines(first.folder).length).toBeGreaterThan(100);
    expect(lines(again.folder)).toEqual(lines(first.folder));
    expect(lines(onTwo.folder)).toEqual(lines(first.folder));
  });
});
