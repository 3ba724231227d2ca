// A rules file beside the command line: found in the working folder, read as if typed, judged with, refused by name.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { RunRecord } from '../record/run-record.ts';
import { parseRulesFile } from '../rules-file/read-rules-file.ts';
import type { RulesFile } from '../rules-file/rules-file.ts';
import { callCommand } from './in-process.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-config-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const room = () => mkdtempSync(path.join(scratch, 'room-'));

const PLAN = { weights: 'general', prompts: 'ids.json', maxNewTokens: 2 };
const IN_90_DAYS = new Date(Date.now() + 90 * 86_400_000).toISOString().slice(0, 10);
const ADA = { reason: 'bug 7', owner: 'Ada', expires: IN_90_DAYS };

function folderWith(content: RulesFile, name = 'qwen-pcc.config.json'): string {
  const folder = room();
  writeFileSync(path.join(folder, name), JSON.stringify(content));
  writeFileSync(
    path.join(folder, 'ids.json'),
    JSON.stringify([
      { name: 'p', ids: [1, 2, 3] },
      { name: 'q', ids: [4, 5] },
    ]),
  );
  return folder;
}

async function validate(
  cwd: string,
  ...more: string[]
): Promise<{ code: number | null; run: RunRecord; stderr: string }> {
  const { code, stdout, stderr } = await callCommand(['validate', '--json', ...more], { cwd });
  return { code, run: (stdout === '' ? null : JSON.parse(stdout)) as RunRecord, stderr };
}
const promptsOf = (run: RunRecord) => run.cases[0]!.variants[0]!.prompts.map(({ name }) => name);

describe('qwen-pcc validate with a rules file', () => {
  it('takes the plan of the file but for what is typed, and goes on without the file', async () => {
    const variants = [{ name: 'mine', device: 'n150' }, { device: 'n150:kvFormat=BF16' }];
    const folder = folderWith({ plan: PLAN, variants, rules: [{ id: 'top1', threshold: 0.8 }] });
    const { code, run } = await validate(folder, '--prompt', 'q');
    expect([code, promptsOf(run)]).toEqual([0, ['q']]);
    expect(run.cases[0]!.variants.map(({ name }) => name)).toEqual(['mine', 'n150:kvFormat=BF16']);
    expect(run.config).toMatchObject({ maxNewTokens: 2, rulesFile: { name: 'qwen-pcc.config.json' } });
    expect(run.gate.rules.find(({ id }) => id === 'top1')?.threshold).toBe(0.8);
    rmSync(path.join(folder, 'qwen-pcc.config.json'));
    const again = await validate(folder, '--resume');
    expect(again.run.gate).toEqual(run.gate);
  });

  it('sees places from the folder of the file that is named', async () => {
    const folder = folderWith({ plan: { ...PLAN, prompt: 'p' } }, 'other.json');
    const { code, run } = await validate(room(), '--config', path.join(folder, 'other.json'));
    expect([code, promptsOf(run), run.config.rulesFile?.name]).toEqual([0, ['p'], 'other.json']);
  });

  it('fails a run by a tighter rule, and lets none be looser unless somebody answers for it', async () => {
    const tight = folderWith({ plan: PLAN, rules: [{ id: 'pcc-minimum', threshold: 0.99999999 }] });
    expect((await validate(tight)).code).toBe(1);
    const loose = { id: 'golden-rank', threshold: 50 };
    const refused = await validate(folderWith({ plan: PLAN, rules: [loose] }));
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('CONFIG_LOOSENED');
    const folder = folderWith({ plan: PLAN, rules: [{ ...loose, loosened: ADA }] });
    const { code, stdout } = await callCommand(['validate'], { cwd: folder });
    expect(code).toBe(0);
    const words = `golden-rank: loosened until ${IN_90_DAYS} by Ada: bug 7 (50 instead of 20)`;
    for (const file of ['summary.md', 'junit.xml', 'report.html']) {
      expect(readFileSync(path.join(folder, 'reports/last', file), 'utf8')).toContain(words);
    }
    expect(stdout).toContain(words);
    expect(stdout).toContain('LOOSENED: golden-rank');
    const over = { ...ADA, expires: '2020-01-01' };
    expect((await validate(folderWith({ plan: PLAN, rules: [{ ...loose, loosened: over }] }))).code).toBe(1);
  });

  it.each([
    { what: 'an option misspelt', content: { plan: { wieghts: 'x' } }, says: 'did you mean weights at plan.wieghts?' },
    {
      what: 'a value that the option refuses',
      content: { plan: { memory: 'much' } },
      says: 'plan.memory: --memory must be',
    },
    { what: 'several values of one', content: { plan: { mode: 'fre' } }, says: 'did you mean free?' },
    {
      what: 'two device sides',
      content: { plan: { device: 'n150' }, variants: [{ device: 'n150' }] },
      says: 'stands there twice',
    },
    {
      what: 'two variants of a name',
      content: {
        variants: [
          { name: 'a', device: 'n150' },
          { name: 'a', device: 'n150:kvFormat=BF16' },
        ],
      },
      says: 'two have the same name',
    },
    { what: 'a hard rule', content: { rules: [{ id: 'finite', off: true }] }, says: 'CONFIG_HARD' },
  ])('is refused with exit code 2 for $what', async ({ content, says }) => {
    const folder = folderWith({
      ...content,
      plan: { ...('variants' in content ? {} : PLAN), ...content.plan },
    } as RulesFile);
    const { code, stderr } = await validate(folder, '--prompts', path.join(folder, 'ids.json'));
    expect(code).toBe(2);
    expect(stderr).toContain(says);
  });

  it('is left alone with --no-config', async () => {
    const folder = folderWith({ plan: { prompt: 'nobody' } });
    const ids = path.join(folder, 'ids.json');
    const { run } = await validate(
      folder,
      '--no-config',
      '--weights',
      'general',
      '--prompts',
      ids,
      '--max-new-tokens',
      '1',
    );
    expect(run.config).not.toHaveProperty('rulesFile');
    expect(existsSync(path.join(folder, 'reports/last/run.json'))).toBe(true);
  });
});

describe('qwen-pcc selftest with a rules file', () => {
  it('judges the rules of the file, and says which faults pass each of them alone', async () => {
    const rules = ['kl-mean', 'kl-mean-short', 'kl-p99', 'gain', 'gain-short', 'pcc-median', 'pcc-median-short', 'top1']
      .concat(['top1-long', 'real-flips', 'real-flips-long', 'golden-rank'])
      .map((id) => ({ id, off: true as const, loosened: ADA }));
    const cwd = folderWith({ plan: { weights: 'general', prompt: 'call-me-ishmael', maxNewTokens: 8 }, rules });
    const faults = ['gain-0.5', 'constant-row'];
    const { code, stdout } = await callCommand(['selftest', '--with-damage', '--fault', ...faults], { cwd });
    // Switched off, the rules catch nothing: a logit of half the size passes all the others.
    expect(code).toBe(1);
    const file = parseRulesFile(JSON.parse(stdout), 'completed');
    expect(file.rules?.find(({ id }) => id === 'golden-rank')).toMatchObject({
      ...{ off: true, loosened: ADA },
      damage: { faults: 2, passes: ['constant-row', 'gain-0.5'], on: expect.stringContaining('1 prompt') },
    });
  });

  it('has none to complete without a file', async () => {
    const { code, stderr } = await callCommand(['selftest', '--with-damage'], { cwd: room() });
    expect([code, stderr]).toEqual([2, expect.stringContaining('CONFIG_NOT_FOUND')]);
  });
});
