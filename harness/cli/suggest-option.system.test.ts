// Rules suggested from a run, written as a rules file, and followed by the next run.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { RunRecord } from '../record/run-record.ts';
import { callCommand } from './in-process.fixture.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-suggest-'));
afterAll(() => rmSync(folder, { recursive: true }));
const ids = (seed: number): number[] => Array.from({ length: 100 }, (_, i) => (seed * 31 + i * i * 7) % 500);
writeFileSync(
  path.join(folder, 'ids.json'),
  JSON.stringify([
    { name: 'p', ids: ids(1) },
    { name: 'q', ids: ids(2) },
  ]),
);
const PLAN = ['--weights', 'general', '--prompts', 'ids.json', '--max-new-tokens', '1'];
const call = (...args: string[]) => callCommand(['validate', ...args], { cwd: folder });

describe('qwen-pcc validate --suggest', () => {
  it('prints rules that the next run follows, with the error rates that were asked for', async () => {
    const first = await call(...PLAN, '--suggest', '--json', '--alpha', '0.02', '--multiple', '3');
    expect(first.code).toBe(0);
    writeFileSync(path.join(folder, 'qwen-pcc.config.json'), first.stdout);
    const { code, stdout } = await call(...PLAN, '--json');
    const run = JSON.parse(stdout) as RunRecord;
    expect(code).toBe(0);
    const rule = run.gate.rules.find(({ id }) => id === 'kl-mean-measured');
    expect(rule).toMatchObject({
      ...{ status: 'pass', origin: 'calibrated', judged: 1 },
      calibration: { errorRates: { alpha: 0.02, beta: 0.1, multiple: 3, tokens: 202 } },
    });
    // The same tokens are at a third of the limit at most.
    expect(rule!.headroom).toBeGreaterThanOrEqual(0.66);

    const again = await call('--suggest', 'reports/last', '--alpha', '0.02', '--multiple', '3');
    expect(again.stdout).toContain(`kl-mean-measured: klMean <= ${rule!.threshold}`);
    expect(again.stdout).toContain('an honest run breaks it in 2 % at most');
  });

  it.each([
    { args: ['--suggest', 'nowhere'], says: 'not a run folder' },
    { args: ['--suggest', 'reports/last', '--alpha', '2'], says: 'below 0.5' },
    { args: ['--suggest', 'reports/last', '--texts', 'sme'], says: 'did you mean same?' },
  ])('refuses $args', async ({ args, says }) => {
    const { code, stderr } = await call(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(says);
  });
});
