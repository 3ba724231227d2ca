// The ratchet through the command line: recordings of a device before and after a change, accepted, held against, accepted again.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseBaseline } from '../record/baseline.ts';
import type { RunRecord } from '../record/run-record.ts';
import { callCommand } from './in-process.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-ratchet-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const out = path.join(scratch, 'reports');
const file = path.join(out, 'baseline.json');
const recorded = (name: string): string => path.join(scratch, `${name}.safetensors`);
const CASE = ['--weights', 'general', '--prompt', 'senate-and-house', '--threads', '1'];

/** The device's rows under other knobs, as a card would have other rows after a change of its kernels. */
async function record(name: string, device: string): Promise<void> {
  const words = ['record', '--source', 'n150', '--device', device, '--max-new-tokens', '0', '--out', recorded(name)];
  const { code, stderr } = await callCommand([...words, ...CASE]);
  expect(code, stderr).toBe(0);
}

async function validate(name: string, ...more: string[]): Promise<{ code: number | null; run: RunRecord }> {
  const words = ['validate', '--out', out, '--json', '--weights', 'general', '--device', `capture:${recorded(name)}`];
  const { code, stdout } = await callCommand([...words, ...more]);
  return { code, run: JSON.parse(stdout) as RunRecord };
}

const update = (...more: string[]) => callCommand(['baseline', 'update', '--out', out, ...more]);
const kept = () => parseBaseline(readFileSync(file, 'utf8'));
const ruleOf = ({ gate }: RunRecord) => gate.rules.find(({ id }) => id === 'not-worse-than-baseline');

describe('a baseline', () => {
  beforeAll(async () => {
    await record('before', 'n150');
    await record('again', 'n150:threads=2');
    await record('coarser', 'n150:mlpFormat=BFP4_B');
  });

  it('is written from a run that passes, in a few bytes a token, and names the run', async () => {
    const { run } = await validate('before');
    const { code, stdout } = await update();
    expect(code).toBe(0);
    expect(stdout).toMatch(/baseline\.json: \d\.\d KiB for 154 tokens; run \S+, "the first state"/);
    const { state, earlier, cases } = kept();
    expect(state).toMatchObject({ runId: run.runId, runAt: run.startedAt, verdict: 'pass', tool: run.tool });
    expect(earlier).toEqual([]);
    const [prompt] = cases[0]!.variants[0]!.prompts;
    expect(prompt!.kl.length + prompt!.top1.length).toBeLessThan(3 * 154);
    expect(cases[0]!.variants[0]!.all.klNats!.mean).toBe(run.summary.all.klNats!.mean);
  });

  it('is kept by the same rows, recorded anew', async () => {
    const { code, run } = await validate('again', '--baseline');
    expect({ code, word: run.baseline?.variants[0]?.word, rule: ruleOf(run)?.status }).toEqual({
      code: 0,
      word: 'same',
      rule: 'pass',
    });
  });

  it('is broken by coarser rows', async () => {
    const { code, run } = await validate('coarser', '--baseline', file);
    expect({ code, status: run.verdict.status, rule: ruleOf(run)?.status }).toEqual({
      code: 1,
      status: 'fail',
      rule: 'fail',
    });
    expect(run.verdict.failingRules).toContain('not-worse-than-baseline');
    const junit = readFileSync(path.join(out, 'last', 'junit.xml'), 'utf8');
    expect(junit).toMatch(/name="not-worse-than-baseline" time="0"><failure message="variantsWorse 1, wanted &lt;= 0/);
  });

  it('moves to worse rows with a reason alone, and keeps what stood before', async () => {
    const before = kept().state;
    const refused = await update('--accept-fail');
    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/BASELINE_REASON: .*\n.*worse \(mean KL \+/),
    });
    expect(kept().state).toEqual(before);
    const { code, stdout } = await update('--accept-fail', '--reason', 'four-bit MLP, decided on Monday');
    expect(code).toBe(0);
    expect(stdout).toMatch(/since \d{4}-\d\d-\d\d \(1 state before\): .*mean KL \S+ → \S+ nat \(\+/);
    expect(kept()).toMatchObject({ state: { reason: 'four-bit MLP, decided on Monday' }, earlier: [before] });
  });

  it('that a run is better than says what to type', async () => {
    const words = [
      'validate',
      '--out',
      out,
      '--weights',
      'general',
      '--device',
      `capture:${recorded('before')}`,
      '--baseline',
    ];
    const { code, stdout } = await callCommand(words);
    expect(code).toBe(0);
    expect(stdout).toMatch(/better than the baseline; you may accept it: qwen-pcc baseline update \S+/);
    expect((await update()).code).toBe(0);
    expect(kept().state.reason).toBe('no worse than the state before');
  });

  it('is never made of nothing', async () => {
    const empty = path.join(scratch, 'empty', 'baseline.json');
    expect((await callCommand(['baseline', 'update', '--out', path.dirname(empty)])).code).toBe(2);
    expect(existsSync(empty)).toBe(false);
  });
});
