// A gate with a rules file: judged by it, its last days counted, and refused where the file says what is run, too.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { packageFile } from '../sources/package-root.ts';
import { type GateCase, gatePlan, runGate } from './run-gate.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-gate-config-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const prompts = path.join(scratch, 'prompts.json');
writeFileSync(prompts, JSON.stringify([{ name: 'short', ids: [40, 41, 42], continuation: [43] }]));

function gateWith(config: object): GateCase {
  const file = path.join(mkdtempSync(path.join(scratch, 'config-')), 'rules.json');
  writeFileSync(file, JSON.stringify(config));
  return { weights: packageFile('fixtures/tiny-qwen2'), prompts, out: path.join(scratch, 'runs'), config: file };
}

const OWN = { id: 'exact', scope: 'token', metric: 'klNats', threshold: 0, reason: 'not a bit of noise' };

describe('a gate with a rules file', () => {
  it('is judged by its rules, and says which file', async () => {
    const { run } = await runGate(gateWith({ rules: [OWN] }));
    expect(run.verdict).toMatchObject({ status: 'fail', failingRules: ['exact'] });
    expect(run.config.rulesFile).toMatchObject({ name: 'rules.json' });
    expect(run.command).toContain('--config');
  });

  it('has what is looser until its last day, and fails after it', async () => {
    const loosened = { reason: 'r', owner: 'Ada', expires: '2026-01-31' };
    const { spec } = await gatePlan(gateWith({ rules: [{ id: 'kl-mean', threshold: 0.1, loosened }] }));
    expect(spec.judge.rules.find(({ id }) => id === 'kl-mean')?.loosening).toMatchObject({ isExpired: true });
  });

  it('has notes of what applies to nothing', async () => {
    const rule = { ...OWN, applies: { variant: 'another' } };
    expect((await gatePlan(gateWith({ rules: [rule] }))).notes.join()).toContain('exact of');
  });

  it.each([{ plan: { maxNewTokens: 1 } }, { variants: [{ device: 'n150' }] }])(
    'refuses a file that says what is run: %j',
    async (config) => {
      await expect(gatePlan(gateWith(config))).rejects.toMatchObject({ code: 'CONFIG_PLAN', exitCode: 2 });
    },
  );
});
