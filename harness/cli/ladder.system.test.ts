// Laws of `validate --ladder` on the tiny checkpoint: it changes no verdict, a device without noise has no share, a recording has a ladder.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRunRecord } from '../record/json-schema.ts';
import type { LadderRecord } from '../record/ladder.ts';
import { callCommand } from './in-process.fixture.ts';
import type { Finished } from './spawned-command.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-ladder-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const CASE = ['--weights', 'fixtures/tiny-qwen2', '--prompt', 'treasury-digits', '--max-new-tokens', '2'];
const validate = (name: string, ...args: string[]): Promise<Finished> =>
  callCommand(['validate', ...CASE, '--out', path.join(scratch, name), ...args]);
const folderOf = (name: string): string => path.join(scratch, name, 'last');
const recordOf = (name: string) => readRunRecord(folderOf(name));
const ladderOf = (name: string): LadderRecord => recordOf(name).cases[0]!.variants[0]!.ladder!;
const sharesOf = (name: string) => Object.fromEntries(ladderOf(name).steps.map(({ step, share }) => [step, share]));

/** Token lines of a variant, without times. */
function tokensOf(name: string, variant: string): string[] {
  const lines = readFileSync(path.join(folderOf(name), 'run.jsonl'), 'utf8')
    .split('\n')
    .slice(0, -1);
  return lines.flatMap((line) => {
    const { timing: _timing, ...token } = JSON.parse(line) as Record<string, unknown>;
    return token['event'] === 'token' && token['variant'] === variant ? [JSON.stringify(token)] : [];
  });
}

describe('validate --ladder', () => {
  let said: Finished;
  beforeAll(async () => {
    await validate('without', '--device', 'n150:skipLayer=5');
    said = await validate('with', '--device', 'n150:skipLayer=5', '--ladder');
  });

  it('leaves verdict, rules, coverage, summary, exit code and every token of the device as they are', () => {
    const [a, b] = [recordOf('without'), recordOf('with')];
    for (const what of ['verdict', 'exitCode', 'gate', 'coverage', 'summary', 'controls'] as const) {
      expect(b[what], what).toEqual(a[what]);
    }
    const { ladder, ...variant } = b.cases[0]!.variants[0]!;
    const still = ({ prompts, ...rest }: Omit<typeof variant, 'ladder'>) => ({
      ...rest,
      prompts: prompts.map((prompt) => ({ ...prompt, ms: 0 })),
    });
    expect(still(variant)).toEqual(still(a.cases[0]!.variants[0]!));
    expect(b.cases[0]!.variants).toHaveLength(1);
    expect(tokensOf('with', 'n150:skipLayer=5')).toEqual(tokensOf('without', 'n150:skipLayer=5'));
    expect(ladder!.tokens).toBe(b.coverage.tokensJudged);
  });

  it('blames neither formats nor arithmetic for a layer that is left out', () => {
    const { word, words, tokens } = ladderOf('with');
    expect(word).toBe('excess');
    expect(words.excess! / tokens).toBeGreaterThan(0.9);
    expect(said.stdout).toContain('excess: neither formats nor arithmetic account for it');
    expect(readFileSync(path.join(folderOf('with'), 'summary.md'), 'utf8')).toContain('| + beyond the model |');
  });

  it('has no test in JUnit for a rung', () => {
    const junit = (name: string): string => readFileSync(path.join(folderOf(name), 'junit.xml'), 'utf8');
    expect(junit('with').match(/<testcase/g)).toHaveLength(junit('without').match(/<testcase/g)!.length);
    expect(junit('with')).not.toContain('/weights');
  });

  it('gives a device without noise no share but that of its weights', async () => {
    await validate('quiet', '--device', 'n150:tier=fp32,rmsEps=0.000001', '--ladder');
    const { weights, formats, arithmetic, device } = sharesOf('quiet');
    expect({ formats, arithmetic, device }).toEqual({
      formats: { klNats: 0, pccGap: 0 },
      arithmetic: { klNats: 0, pccGap: 0 },
      device: { klNats: 0, pccGap: 0 },
    });
    expect(weights!.klNats).toBeGreaterThan(1e-5);
    expect(ladderOf('quiet').word).toBe('weights');
  });

  it('measures a recording against the model whose rungs are asked for', async () => {
    const file = path.join(scratch, 'card.safetensors');
    const record = ['record', '--source', 'n150', '--device', 'n150:tier=exact', '--out', file, ...CASE];
    expect(await callCommand(record)).toMatchObject({ code: 0 });
    await callCommand([
      ...['validate', '--weights', 'fixtures/tiny-qwen2', '--device', `capture:${file}`, '--ladder'],
      ...['--out', path.join(scratch, 'card')],
    ]);
    const { steps, word } = ladderOf('card');
    expect(steps.map(({ step }) => step)).toEqual(['weights', 'formats', 'arithmetic', 'device']);
    // The same recipe in other bits: nothing is left to explain above the model.
    expect(word).not.toBe('excess');
    expect(steps[0]!.mean.klNats).toBeLessThan(steps[1]!.mean.klNats);
    expect(steps[1]!.mean.klNats).toBeLessThan(steps[2]!.mean.klNats);
  });

  it.each([
    [['--mode', 'free'], 'LADDER_MODE'],
    [['--precision', 'bf16'], 'LADDER_MODE'],
  ])('is refused with %j', async (args, code) => {
    const { code: exitCode, stderr } = await validate('refused', '--ladder', ...args);
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining(code) });
  });

  it('takes no recording for the model of its rungs', async () => {
    const { code, stderr } = await validate('refused', '--ladder', 'capture:x.npz');
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('LADDER_DEVICE') });
  });
});
