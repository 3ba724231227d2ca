// The self-test on a tiny checkpoint, whole: what the default rules catch is a fact that may not get worse.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { SelfTestRecord } from '../record/selftest-record.ts';
import { callCommand } from './in-process.fixture.ts';
import { ROOT } from './spawned-command.fixture.ts';

const schema = JSON.parse(readFileSync(path.join(ROOT, 'docs/schema/selftest.schema.json'), 'utf8'));
const trySome = async (...more: string[]): Promise<{ code: number | null; record: SelfTestRecord }> => {
  const small = ['--weights', 'general', '--prompt', 'call-me-ishmael', '--max-new-tokens', '16', '--json'];
  const { code, stdout } = await callCommand(['selftest', ...small, ...more]);
  return { code, record: JSON.parse(stdout) as SelfTestRecord };
};

describe('qwen-pcc selftest', () => {
  it('catches every fault that must be caught but one, which is told by name', { timeout: 300_000 }, async () => {
    const { code, stdout } = await callCommand(['selftest', '--weights', 'general', '--json']);
    const record = JSON.parse(stdout) as SelfTestRecord;
    expect(z.fromJSONSchema(schema).safeParse(record).error).toBeUndefined();
    // Its rows are nearer to the reference's than an honest device's: only who audits what was consumed sees it.
    expect(record.missed).toEqual(['general_weights-1_batch › first-token-twice']);
    expect(code).toBe(1);
    const [one] = record.cases;
    expect(one!.honest.outcome).toBe('passes');
    expect(one!.faults.filter(({ outcome }) => outcome === 'caught').length).toBeGreaterThanOrEqual(73);
    expect(one!.faults.filter(({ outcome }) => outcome === 'notJudged')).toEqual([]);
    // What stands with the default rules; on another processor a fault at a limit may fall either way.
    for (const { rule, faults, passes } of record.damage) {
      const said = record.rules.find(({ id }) => id === rule)!.damage!;
      const differing = [...passes, ...said.passes].filter((id) => passes.includes(id) !== said.passes.includes(id));
      expect([rule, faults, differing.length <= 1]).toEqual([rule, said.faults, true]);
    }
    expect(record.damage.length).toBeGreaterThan(14);
    const alone = one!.faults.filter(({ expect: wanted, passesThreshold }) => wanted === 'caught' && passesThreshold);
    expect(alone.map(({ id }) => id)).toEqual(
      expect.arrayContaining(['gain-0.5', 'top-two-swapped', 'ten-best-zeroed', 'noise-0.25']),
    );
  });

  it('is what the rule of long samples says of itself, for a few faults on as many tokens as it needs', async () => {
    const faults = ['relu', 'dead-block', 'ten-best-zeroed', 'top-two-swapped'];
    const prompts = ['senate-and-house', 'treasury-digits', 'call-me-ishmael', 'question-to-congress'];
    const options = ['--weights', 'general', '--prompt', ...prompts, '--fault', ...faults, '--json'];
    const record = JSON.parse((await callCommand(['selftest', ...options])).stdout) as SelfTestRecord;
    const said = record.rules.find(({ id }) => id === 'top1-long')!.damage!;
    expect(said.on).toContain(`${prompts.length} prompts, ${record.cases[0]!.tokens} tokens`);
    const { passes } = record.damage.find(({ rule }) => rule === 'top1-long')!;
    expect([...passes].sort()).toEqual(faults.filter((id) => said.passes.includes(id)).sort());
  });

  it('says what a case is too small for, and is green without it', async () => {
    const { code, record } = await trySome('--fault', 'constant-row', 'wrong-user', 'top-two-swapped');
    expect(record.cases[0]!.faults.map(({ id, outcome }) => [id, outcome])).toEqual([
      ['constant-row', 'caught'],
      ['top-two-swapped', 'caught'],
      ['wrong-user', 'notJudged'],
    ]);
    expect(record.headline).toContain('1 cannot be judged on this case');
    expect(code).toBe(0);
  });

  it('under comp_pcc of 2024 the threshold alone lets a constant row pass', async () => {
    const { record } = await trySome('--semantics', 'tt-legacy', '--fault', 'constant-row', 'all-infinite', 'nan-1');
    expect(record.cases[0]!.faults.map(({ id, passesThreshold }) => [id, passesThreshold])).toEqual([
      ['constant-row', true],
      ['all-infinite', true],
      ['nan-1', true],
    ]);
  });
});
