// validate with a weight cache: processes of any checkpoints and recipes may use one at once, and judge as without it.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readTokensWithoutTiming } from '../record/read-tokens.fixture.ts';
import { callCommand } from './in-process.fixture.ts';
import { ROOT, spawnCommand } from './spawned-command.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-cli-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const SHORT = ['--prompts', 'fixtures/prompts/general.json', '--prompt', 'senate-and-house', '--max-new-tokens', '2'];

/** A path to a checkpoint of the package whose folder is called `model` for each of them. */
function calledModel(fixture: string): string {
  const folder = path.join(scratch, fixture);
  mkdirSync(folder);
  symlinkSync(path.join(ROOT, 'fixtures', fixture), path.join(folder, 'model'));
  return path.join(folder, 'model');
}
const base = calledModel('tiny-qwen2');
const instruct = calledModel('tiny-qwen2-instruct');

const VARIANTS = [
  ['--weights', base],
  ['--weights', base, '--device', 'n150:recipe=ttnn-0.81'],
  ['--weights', base, '--device-weights', instruct],
] as const;

interface Judged {
  readonly code: number | null;
  readonly tokens: unknown[];
}
type Run = (args: readonly string[]) => Promise<Pick<Judged, 'code'>>;
const inProcess: Run = (args) => callCommand(args);
const asProcess: Run = (args) => spawnCommand(args).finished;

/** Runs validate into `scratch/name`; the exit code, and every token's record without its timings. */
async function validate(run: Run, name: string, ...options: string[]): Promise<Judged> {
  const out = path.join(scratch, name);
  const { code } = await run(['validate', ...SHORT, '--out', out, ...options]);
  return { code, tokens: readTokensWithoutTiming(path.join(out, 'last')) };
}

it('runs of two recipes, and of two checkpoints of one name, at once share a cache and judge as each alone without it', async () => {
  const cache = path.join(scratch, 'cache');
  const streamed = ['--memory', '1', '--weight-cache', cache];
  // The first variant twice: two processes make the same files.
  const atOnce = [VARIANTS[0], ...VARIANTS];
  const runs = await Promise.all(
    atOnce.map((variant, i) => validate(asProcess, `at-once-${i}`, ...variant, ...streamed)),
  );
  const alone = [];
  for (const [i, variant] of VARIANTS.entries()) alone.push(await validate(inProcess, `alone-${i}`, ...variant));
  for (const { tokens } of alone) expect(tokens.length).toBeGreaterThan(100);
  expect(new Set(alone.map(({ tokens }) => JSON.stringify(tokens))).size).toBe(VARIANTS.length);
  expect(runs).toEqual([alone[0], ...alone]);

  const folders = readdirSync(path.join(cache, 'model')).filter((name) => name.startsWith('tensor_cache_'));
  expect(folders).toHaveLength(VARIANTS.length);
  for (const folder of folders) {
    const files = readdirSync(path.join(cache, 'model', folder));
    expect(files).toHaveLength(31);
    expect(files.filter((name) => !name.endsWith('_layout_TILE.bin'))).toEqual([]);
  }
});
