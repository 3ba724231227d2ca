// qwen-pcc demo as a user meets it: texts and speed on stdout, a file on request, refusals, Ctrl-C.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { demoDevice } from '../demo/plan-demo.ts';
import { demoWeights } from './demo-weights.ts';
import { createProgram } from './program.ts';
import { type SpawnedCommand, spawnCommand } from './spawned-command.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-demo-'));
afterAll(() => rmSync(scratch, { recursive: true }));
beforeAll(() => void vi.stubEnv('QWEN_DIR', ''));
afterAll(() => void vi.unstubAllEnvs());

const start = (args: readonly string[]): SpawnedCommand => spawnCommand(['demo', ...args]);

describe('qwen-pcc demo', () => {
  it('prints header, iterations, texts and performance, and writes the texts to a file', async () => {
    const file = path.join(scratch, 'out.txt');
    writeFileSync(file, 'of another run');
    const { code, stdout, stderr } = await start([
      '--max-new-tokens',
      '3',
      '--fast-prefill',
      '--batches',
      '2',
      '--out',
      file,
      '--force',
    ]).finished;
    expect({ code, stderr: stderr.split('\n') }).toEqual({
      code: 0,
      stderr: [
        'at most 169 tokens',
        'prefill · batch 0 · 0 of at most 169 tokens done',
        'prefill · batch 1 · 0 of at most 169 tokens done',
        '',
      ],
    });
    expect(stdout).toMatch(/^general weights: tiny-qwen2 · N150 device model, tier fast, recipe demo-2024/);
    expect(stdout).toMatch(/not of silicon\.\nIteration 0 rotates by the position before, as in the original/);
    expect(stdout).toMatch(/\nEncoded prompt lengths: 169\nNumber of batches: 2/);
    expect(stdout.match(/^Iteration [012]: \d+ms @ [\d.]+ tok\/s\/user \([\d.]+ tok\/s throughput\)$/gm)).toHaveLength(
      6,
    );
    expect(stdout.match(/^batch: [01] user: 0\nprompt: This is [\s\S]*?\noutput:\nbe enacted by$/gm)).toHaveLength(2);
    expect(stdout).toMatch(
      /\nPerformance metrics for batch 0 .*\n[\s\S]*\nTime to first token: [\d.]+ms\nAverage speed: .*\n$/,
    );
    expect(readFileSync(file, 'utf8')).toMatch(
      /^\nbatch: 0 user: 0\nprompt: This is [^\n]{500,}\noutput:\n be enacted by\n\nbatch: 1 user: 0\n/,
    );
    expect(readdirSync(scratch).filter((name) => name.includes('partial'))).toEqual([]);
  });

  it('keeps what was generated at Ctrl-C, on stdout and in the file, with 130', async () => {
    const file = path.join(scratch, 'stopped.txt');
    const { child, finished } = start(['--fast-prefill', '--batches', '3', '--out', file]);
    child.stdout!.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('Iteration 5:')) child.kill('SIGINT');
    });
    const { code, stdout, stderr } = await finished;
    expect(code).toBe(130);
    expect(stderr).toMatch(/what was generated is kept/);
    expect(stdout).toMatch(/: interrupted\n\nbatch: 0 user: 0\n[\s\S]*Average speed/);
    expect(readFileSync(file, 'utf8')).toMatch(/be enacted by the[^\n]*\n<interrupted>\n$/);
  });
});

describe('wrong use of demo says what would be right', () => {
  const mine = path.join(scratch, 'mine.txt');
  writeFileSync(mine, 'mine');

  it.each([
    { args: ['--weights', 'instuct'], code: 'OPTION_VALUE', says: /did you mean instruct\?/ },
    { args: ['--batches', '4'], code: 'OPTION_VALUE', says: /one of 1, 2, 3/ },
    { args: ['--device', 'capture:file'], code: 'DEMO_RECORDING', says: /a recording cannot run the demo/ },
    { args: ['--device', 'n150:demoRotOffByOn=false'], code: 'UNKNOWN_KNOB', says: /did you mean demoRotOffByOne\?/ },
    { args: ['--max-seq-len', '100'], code: 'PROMPT_TOO_LONG', says: /169 tokens[\s\S]*write --max-seq-len 169/ },
    {
      args: ['--prompts', 'fixtures/prompts/general.json'],
      code: 'PROMPTS_MALFORMED',
      says: /no prompt file of the demo/,
    },
    { args: ['--weights', 'fixtures/golden-hf/quirk-yarn'], code: 'TOKENIZER_MISSING', says: /needs tokenizer\.json/ },
    { args: ['--out', 'nowhere/out.txt'], code: 'FILE_WRITE', says: /in a folder that exists/ },
    { args: ['--out', mine], code: 'FILE_EXISTS', says: /--force/ },
  ])('$args: $code', async ({ args, code, says }) => {
    const run = createProgram().parseAsync(['demo', ...args], { from: 'user' });
    await expect(run).rejects.toMatchObject({ code, exitCode: 2, message: expect.stringMatching(says) });
  });
});

describe('demoWeights', () => {
  it.each([
    { weights: undefined, dir: undefined, found: { folder: /tiny-qwen2$/, family: 'general' } },
    { weights: 'instruct', dir: '', found: { folder: /tiny-qwen2-instruct$/, family: 'instruct' } },
    { weights: 'general', dir: 'Q', found: { folder: /^Q$/, family: 'general' } },
    { weights: undefined, dir: 'Q', found: { folder: /^Q$/, family: undefined } },
    { weights: 'fixtures', dir: 'Q', found: { folder: /^fixtures$/, family: undefined } },
  ])('$weights with QWEN_DIR=$dir', ({ weights, dir, found }) => {
    const { folder, family } = demoWeights({ weights }, dir);
    expect(folder).toMatch(found.folder);
    expect(family).toBe(found.family);
  });
});

describe('demoDevice', () => {
  it.each([
    { text: 'n150', rotation: true },
    { text: 'n150:recipe=ttnn-0.81', rotation: true },
    { text: 'n150:demoRotOffByOne=false,tier=exact', rotation: false },
  ])('$text: demoRotOffByOne=$rotation', ({ text, rotation }) => {
    expect(demoDevice(text, {}).demoRotOffByOne).toBe(rotation);
  });
});
