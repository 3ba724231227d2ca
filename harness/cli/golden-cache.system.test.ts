// validate with a golden cache: the second run opens no ONNX session and judges every token as the first, and as one without a cache.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it, type MockInstance, vi } from 'vitest';
import { InferenceSession } from '../../reference/graph/onnx-runtime.ts';
import { readTokensWithoutTiming } from '../record/read-tokens.fixture.ts';
import type { RunRecord } from '../record/run-record.ts';
import { callCommand } from './in-process.fixture.ts';
import { ROOT } from './spawned-command.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-golden-cli-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const CACHE = path.join(scratch, 'cache');
const CHECKPOINT = path.join(scratch, 'model');
const PROMPTS = path.join(scratch, 'prompts.json');
const TENSORS = path.join(CHECKPOINT, 'model.safetensors');

const sessions: MockInstance = vi.spyOn(InferenceSession, 'create');
beforeEach(() => {
  sessions.mockClear();
});
afterAll(() => sessions.mockRestore());
/** Printed by its number: the calls have the models. */
const sessionsOpened = (): number => sessions.mock.calls.length;

interface Judged {
  readonly tokens: unknown[];
  readonly run: RunRecord;
  readonly stdout: string;
}

let runs = 0;

async function command(out: string, args: readonly string[]): Promise<Judged> {
  const { stdout, stderr, code } = await callCommand(['validate', '--out', out, '--threads', '2', ...args]);
  expect(code, stderr).toSatisfy((exitCode) => exitCode === 0 || exitCode === 1);
  const folder = path.join(out, 'last');
  const run = JSON.parse(readFileSync(path.join(folder, 'run.json'), 'utf8')) as RunRecord;
  return { tokens: readTokensWithoutTiming(folder), run, stdout };
}

/** Enough tokens for any other number in the model to show in one of them. */
const TEXT = 'We the People of the United States, in Order to form a more perfect Union, establish Justice, insure';

function validate(...more: string[]): Promise<Judged> {
  const limit = more.includes('--max-new-tokens') ? [] : ['--max-new-tokens', '4'];
  return command(path.join(scratch, `${runs++}`), ['--weights', CHECKPOINT, '--prompts', PROMPTS, ...limit, ...more]);
}

const cached = (...more: string[]): Promise<Judged> => validate('--golden-cache', CACHE, ...more);

let bare: Judged;
beforeAll(async () => {
  cpSync(path.join(ROOT, 'fixtures/tiny-qwen2'), CHECKPOINT, { recursive: true });
  writeFileSync(PROMPTS, JSON.stringify([{ name: 'people', text: TEXT }]));
  bare = await validate();
  expect(sessionsOpened()).toBeGreaterThan(0);
  expect(bare.tokens.length).toBeGreaterThan(20);
  expect(bare.run.usage).not.toHaveProperty('goldenCache');
  await cached();
});

it('opens no ONNX session the second time and judges as without it', async () => {
  const { tokens, run, stdout } = await cached();
  expect(sessionsOpened()).toBe(0);
  expect(tokens).toEqual(bare.tokens);
  expect({ verdict: run.verdict, cases: withoutTimes(run) }).toEqual({
    verdict: bare.run.verdict,
    cases: withoutTimes(bare.run),
  });
  expect(run.usage?.goldenCache).toEqual({ rowsRead: tokens.length, rowsMade: 0, problem: null });
  expect(stdout).toMatch(new RegExp(`^golden cache: ${tokens.length} rows read, 0 made$`, 'm'));
});

function withoutTimes({ cases }: RunRecord): unknown {
  return JSON.parse(JSON.stringify(cases), (name, value) => (name === 'ms' ? 0 : value));
}

it('serves a run of several devices, and goes on beyond what it has', async () => {
  const more = ['--device', 'n150', '--device', 'n150:kvFormat=BF16', '--max-new-tokens', '6'];
  const plain = await validate(...more);
  sessions.mockClear();
  const first = await cached(...more);
  expect(sessionsOpened()).toBeGreaterThan(0);
  expect(first.run.usage?.goldenCache).toMatchObject({ rowsRead: bare.tokens.length, rowsMade: 2 });
  expect(first.tokens).toEqual(plain.tokens);
  sessions.mockClear();
  expect((await cached(...more)).tokens).toEqual(plain.tokens);
  expect(sessionsOpened()).toBe(0);
});

it('is used again by a run that goes on, which need not be told', async () => {
  const out = path.join(scratch, `${runs++}`);
  const first = await command(out, [
    ...['--weights', CHECKPOINT, '--prompts', PROMPTS, '--max-new-tokens', '4'],
    ...['--golden-cache', CACHE],
  ]);
  const log = path.join(out, 'last', 'run.jsonl');
  const lines = readFileSync(log, 'utf8').split('\n');
  writeFileSync(log, `${lines.slice(0, 20).join('\n')}\n`);
  sessions.mockClear();
  const second = await command(out, ['--resume']);
  expect(sessionsOpened()).toBe(0);
  expect(second.tokens).toEqual(first.tokens);
  expect(first.tokens).toEqual(bare.tokens);
});

it.each([
  { what: 'number of threads', mayBeSame: true, change: () => ['--threads', '1'] },
  { what: 'precision', change: () => ['--precision', 'bf16'] },
  {
    what: 'config',
    change: () => {
      const config = path.join(CHECKPOINT, 'config.json');
      writeFileSync(config, readFileSync(config, 'utf8').replace(/"rope_theta": [\d.e+]+/, '"rope_theta": 20000.0'));
      return [];
    },
  },
  {
    what: 'weight',
    change: () => {
      const bytes = readFileSync(TENSORS);
      bytes[bytes.length - 2]! ^= 1;
      writeFileSync(TENSORS, bytes);
      return [];
    },
  },
])('is missed by another $what, which has rows of its own then', async ({ change, mayBeSame = false }) => {
  const more = change();
  const first = await cached(...more);
  expect(sessionsOpened()).toBeGreaterThan(0);
  expect(first.run.usage?.goldenCache?.rowsRead).toBe(0);
  if (!mayBeSame) expect(first.tokens).not.toEqual(bare.tokens);
  sessions.mockClear();
  expect((await cached(...more)).tokens).toEqual(first.tokens);
  expect(sessionsOpened()).toBe(0);
});

it('that cannot be written costs a run nothing but that it is said', async () => {
  const file = path.join(scratch, 'file');
  writeFileSync(file, '');
  const { run, stdout } = await validate('--golden-cache', file);
  expect(run.usage?.goldenCache).toMatchObject({ rowsRead: 0, problem: 'rows were not kept: ENOTDIR' });
  expect(stdout).toMatch(/^golden cache: 0 rows read, \d+ made; rows were not kept: ENOTDIR$/m);
});
