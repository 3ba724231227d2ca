// validate with a weight cache: two processes may make it at once, and streamed weights give the numbers of resident ones.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { validateRunFolder } from '../record/json-schema.ts';
import { spawnCommand } from './spawned-command.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-cli-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const SHORT = ['--weights', 'fixtures/tiny-qwen2', '--prompt', 'senate-and-house', '--max-new-tokens', '2'];

/** Runs validate into `scratch/name`; the exit code, and every token's record without its timings. */
async function validate(name: string, ...options: string[]): Promise<{ code: number | null; tokens: unknown[] }> {
  const out = path.join(scratch, name);
  const { code } = await spawnCommand(['validate', ...SHORT, '--out', out, ...options]).finished;
  const { tokens } = validateRunFolder(path.join(out, 'last'));
  return { code, tokens: tokens.map((token) => ({ ...token, timing: null })) };
}

it('two runs at once make one cache and judge as without it', async () => {
  const cache = path.join(scratch, 'cache');
  const streamed = ['--memory', '1', '--weight-cache', cache];
  const runs = await Promise.all([validate('a', ...streamed), validate('b', ...streamed)]);
  const resident = await validate('c');
  expect(resident.tokens.length).toBeGreaterThan(100);
  for (const run of runs) expect(run).toEqual(resident);
  const files = readdirSync(path.join(cache, 'tiny-qwen2/tensor_cache_bfp8'));
  expect(files).toHaveLength(31 + 1);
  expect(files.filter((name) => !name.endsWith('_layout_TILE.bin'))).toEqual(['checkpoint-sha256.json']);
});
