// Shards through the command line: planned, run as CI engines number them, merged, resumed; the merge is the run of one machine.
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PlanRecord } from '../record/plan-record.ts';
import type { RunRecord } from '../record/run-record.ts';
import { withoutTiming } from '../record/token-line.ts';
import { callCommand } from './in-process.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-shards-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Five prompts of ids on both tiny checkpoints: ten units. */
const prompts = path.join(scratch, 'ids.json');
const PLAN = ['--weights', 'general', 'instruct', '--prompts', prompts, '--max-new-tokens', '3', '--threads', '1'];

async function validate(out: string, ...more: string[]): Promise<{ run: RunRecord; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await callCommand(['validate', ...PLAN, '--out', out, '--json', ...more]);
  expect([0, 1], stderr).toContain(code);
  const run = JSON.parse(stdout) as RunRecord;
  expect(run.exitCode).toBe(code);
  return { run, stdout, stderr };
}

/** What does not depend on when and by whom it was run. */
function reading(folder: string): unknown {
  const run = JSON.parse(readFileSync(path.join(folder, 'run.json'), 'utf8')) as RunRecord;
  const lines = readFileSync(path.join(folder, 'run.jsonl'), 'utf8').split('\n').slice(1, -2).map(withoutTiming);
  const text = JSON.stringify({
    verdict: run.verdict,
    exitCode: run.exitCode,
    coverage: run.coverage,
    gate: run.gate,
    cases: run.cases,
  });
  return { lines, text: text.replaceAll(/"ms":[\d.e-]+/g, '') };
}

let whole: string;
beforeAll(async () => {
  writeFileSync(
    prompts,
    JSON.stringify(
      [2, 9, 4, 7, 3].map((length, i) => ({ name: `p${i}`, ids: new Array<number>(length).fill(40 + i) })),
    ),
  );
  await validate(path.join(scratch, 'whole'));
  whole = path.join(scratch, 'whole', 'last');
});

describe('all shards and their merge', () => {
  it.each([1, 2, 7])('of %i have the rows and the verdict of one run', async (count) => {
    const shards = path.join(scratch, `of-${count}`);
    for (let index = 1; index <= count; index++) {
      const { run } = await validate(path.join(shards, `job-${index}`), '--shard', `${index}/${count}`);
      expect(run.verdict.headline).toMatch(new RegExp(`^shard ${index} of ${count}\\b`));
    }
    const { code, stderr } = await callCommand(['report', 'merge', shards, '--out', path.join(shards, 'merged')]);
    expect([0, 1], stderr).toContain(code);
    const merged = path.join(shards, 'merged', 'last');
    expect(reading(merged)).toEqual(reading(whole));
    expect(readdirSync(merged).sort()).toEqual(readdirSync(whole).sort());
  });

  it('but one are invalid: the command that runs it is said, and makes the run whole', async () => {
    const shards = path.join(scratch, 'lost');
    await validate(path.join(shards, '1'), '--shard', '1/3');
    await validate(path.join(shards, '3'), '--shard', '3/3');
    const merge = ['report', 'merge', shards, '--out', path.join(scratch, 'lost-merged')];
    const { code, stdout, stderr } = await callCommand(merge);
    expect(code).toBe(4);
    expect(stdout).toMatch(/INVALID {2}\d+ of 10 prompts of the plan: \d+ of 10 prompts of the plan are in no log: /);
    const [, words = ''] = /^ {2}qwen-pcc (validate .*)$/m.exec(stderr) ?? [];
    expect(words).toContain('--shard 2/3');
    const typed = words.split(' ');
    const out = typed.indexOf('--out') + 1;
    typed[out] = path.join(shards, '2');
    expect((await callCommand(typed)).code).toBeLessThanOrEqual(1);
    expect((await callCommand(merge)).code).toBeLessThanOrEqual(1);
    expect(reading(path.join(scratch, 'lost-merged', 'last'))).toEqual(reading(whole));
  });
});

describe('a job of an engine', () => {
  it('knows its share by the variables, and goes on with it when it is started again', async () => {
    const out = path.join(scratch, 'gitlab');
    const environment = { CI_NODE_INDEX: '2', CI_NODE_TOTAL: '4', GITHUB_ACTIONS: 'true' };
    const call = (...more: string[]) =>
      callCommand(['validate', ...PLAN, '--out', out, '--shard', 'auto', ...more], { environment });
    const first = await call();
    expect(first.stdout).toMatch(/^(PASS|FAIL) {2}shard 2 of 4: /m);
    // What a part has to say, the merge says.
    expect(first.stderr).not.toMatch(/^::/m);
    expect((await call('--resume')).stdout).toMatch(/^(PASS|FAIL) {2}shard 2 of 4: /m);
    environment.CI_NODE_INDEX = '3';
    const { code, stderr } = await call('--resume');
    expect(code).toBe(2);
    expect(stderr).toMatch(/RESUME_DIFFERS[\s\S]*shard 2 of 4[\s\S]*shard 3 of 4/);
  });
});

describe('qwen-pcc plan', () => {
  it('says what validate would do, with the hash that all shards have, and shares it out as --shard does', async () => {
    const { code, stdout } = await callCommand(['plan', ...PLAN, '--shards', '3', '--json']);
    expect(code).toBe(0);
    const plan = JSON.parse(stdout) as PlanRecord;
    expect(plan.units.map(({ case: one, prompt }) => `${one} ${prompt}`).slice(4, 6)).toEqual([
      'general_weights-1_batch p4',
      'instruct_weights-1_batch p0',
    ]);
    expect(plan.units.map(({ positions }) => positions)).toEqual([5, 12, 7, 10, 6, 5, 12, 7, 10, 6]);
    expect(plan.notes.join()).toContain('upper bound');
    const { run } = await validate(path.join(scratch, 'planned'), '--shard', '2/3');
    expect(plan.units.filter(({ shard }) => shard === 2).map(({ index }) => index)).toEqual(run.config.part);
    expect(plan.shards?.reduce((sum, { cost }) => sum + cost, 0)).toBe(plan.cost);
  });

  it('says the same every time, and another thing for other options', async () => {
    const hash = async (...more: string[]): Promise<string> =>
      (JSON.parse((await callCommand(['plan', ...PLAN, '--json', ...more])).stdout) as PlanRecord).specSha256;
    expect(await hash()).toBe(await hash('--golden-cache', scratch));
    expect(await hash('--threshold', '0.8')).not.toBe(await hash());
  });

  it('is a table for people', async () => {
    const { stdout } = await callCommand(['plan', ...PLAN, '--shards', '2']);
    expect(stdout).toMatch(/^unit +case +prompt +variants +positions +cost +shard$/m);
    expect(stdout).toMatch(/at most 12 +24 +\d$/m);
    expect(stdout).toMatch(/^shard 1 of 2: \d+ units, cost \d+$/m);
  });
});

describe('report merge', () => {
  it('takes folders of folders, follows no link, and names what is no run', async () => {
    const folder = path.join(scratch, 'artifacts');
    cpSync(path.dirname(whole), path.join(folder, 'job', 'reports'), { recursive: true });
    symlinkSync(folder, path.join(folder, 'job', 'round'));
    const again = ['report', 'merge', folder, '--out', path.join(scratch, 'again')];
    const merged = await callCommand(again, { environment: { GITHUB_ACTIONS: 'true' } });
    expect(merged.code).toBeLessThanOrEqual(1);
    // In a GitHub job the verdict is an annotation too; ten are shown of a step.
    const annotations = merged.stderr.split('\n').filter((line) => /^::(notice|error) title=/.test(line));
    expect(annotations[0]).toMatch(/^::(notice|error) title=qwen-pcc%3A (pass|fail)::/);
    expect(annotations.length).toBeLessThanOrEqual(10);
    const { code, stderr } = await callCommand(['report', 'merge', path.join(scratch, 'nowhere')]);
    expect(code).toBe(2);
    expect(stderr).toContain('RUN_NOT_FOUND');
    expect(existsSync(path.join(scratch, 'again', 'last', 'junit.xml'))).toBe(true);
  });

  it('has its own --out beside that of report', async () => {
    const out = path.join(scratch, 'own-out');
    const { code } = await callCommand(['report', 'merge', whole, '--out', out]);
    expect(code).toBeLessThanOrEqual(1);
    expect(existsSync(path.join(out, 'last', 'run.json'))).toBe(true);
  });
});
