// doctor --memory: the verdict on a checkpoint that has to be streamed is what validate would say.
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { spawnCommand } from './spawned-command.fixture.ts';

const CACHE = path.join(tmpdir(), 'qwen-pcc-no-such-cache');

it.each([
  { name: 'needs a weight cache', options: ['--memory', '1'], verdict: /needs --weight-cache$/m },
  { name: 'fits with one', options: ['--memory', '1', '--weight-cache', CACHE], verdict: /fits$/m },
  { name: 'fits without one in the memory it needs', options: ['--memory', '1GiB'], verdict: /fits$/m },
])('a checkpoint $name', async ({ options, verdict }) => {
  const args = ['doctor', '--weights', 'fixtures/tiny-qwen2', ...options];
  const { code, stdout } = await spawnCommand(args, { QWEN_DIR: '' }).finished;
  expect(stdout.trimEnd()).toMatch(verdict);
  expect(code).toBe(0);
});
