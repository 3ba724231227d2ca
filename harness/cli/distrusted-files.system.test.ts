// What is refused before a token is judged: a recording on both sides, a run of another version or without its files, tokens cut off.
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { callCommand } from './in-process.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-distrusted-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const file = (name: string): string => path.join(scratch, name);
const WEIGHTS = ['--weights', 'fixtures/tiny-qwen2'];
writeFileSync(file('p.json'), JSON.stringify([{ name: 'p', ids: [5, 6, 7], continuation: [8, 9] }]));
const PROMPTS = ['--prompts', file('p.json'), '--max-new-tokens', '0'];
const OUT = ['--out', file('reports')];

it('a recording is not compared with itself, whatever its name', async () => {
  const recorded = await callCommand(['record', ...WEIGHTS, ...PROMPTS, '--out', file('a.safetensors')]);
  expect(recorded.code).toBe(0);
  copyFileSync(file('a.safetensors'), file('b.safetensors'));
  for (const device of ['a', 'b']) {
    const sides = ['--reference', `golden:${file('a.safetensors')}`, '--device', `capture:${file(device)}.safetensors`];
    const { code, stdout, stderr } = await callCommand(['validate', ...WEIGHTS, ...sides, ...OUT]);
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
    expect(stderr).toMatch(/COMPARED_WITH_ITSELF/);
  }
});

it('a run of another version does not go on', async () => {
  await callCommand(['validate', ...WEIGHTS, ...PROMPTS, ...OUT]);
  const log = file('reports/last/run.jsonl');
  const before = readFileSync(log, 'utf8');
  const other = before.replace(/("name":"qwen-pcc","version":)"[^"]+"/, '$1"9.9.9"');
  expect(other).not.toBe(before);
  writeFileSync(log, other);
  const { code, stderr } = await callCommand(['validate', '--resume', 'last', ...OUT]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/RESUME_VERSION[\s\S]*9\.9\.9/);
  expect(readFileSync(log, 'utf8')).toBe(other);
});

it('a run from another machine goes on where its options are given again, and says so', async () => {
  await callCommand(['validate', ...WEIGHTS, ...PROMPTS, ...OUT]);
  rmSync(file('reports/last/local.json'));
  const log = file('reports/last/run.jsonl');
  const whole = readFileSync(log, 'utf8').split('\n');
  writeFileSync(
    log,
    whole
      .slice(0, 4)
      .map((line) => `${line}\n`)
      .join(''),
  );
  const alone = await callCommand(['validate', '--resume', 'last', ...OUT]);
  expect({ code: alone.code, stdout: alone.stdout }).toEqual({ code: 2, stdout: '' });
  expect(alone.stderr).toMatch(/LOCAL_PATHS[\s\S]*give all options of the run again/);
  const given = await callCommand(['validate', '--resume', 'last', ...WEIGHTS, ...PROMPTS, ...OUT]);
  expect(given.code).toBe(0);
  expect(readFileSync(log, 'utf8').split('\n')).toHaveLength(whole.length);
});

it('a given continuation is never cut', async () => {
  const { code, stdout, stderr } = await callCommand([
    'validate',
    ...WEIGHTS,
    ...PROMPTS,
    '--max-seq-len',
    '4',
    ...OUT,
  ]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/CONTINUATION_TOO_LONG[\s\S]*3 \+ 2 = 5 tokens/);
});
