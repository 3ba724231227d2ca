// Which model a run compares, by the command line: config.json belongs to it as the weights do, on both sides.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { callCommand } from './in-process.fixture.ts';
import { ROOT } from './spawned-command.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-which-model-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const TINY = path.join(ROOT, 'fixtures/tiny-qwen2');
const LIMITS = ['--max-new-tokens', '2'];
const SHORT = ['--prompt', 'long-words', 'call-me-ishmael', ...LIMITS];

/** Changes keys of a folder's config.json. */
function configure(folder: string, changes: Readonly<Record<string, unknown>>): void {
  const file = path.join(folder, 'config.json');
  const config = JSON.parse(readFileSync(file, 'utf8')) as object;
  writeFileSync(file, JSON.stringify({ ...config, ...changes }));
}

function checkpoint(name: string, changes: Readonly<Record<string, unknown>> = {}): string {
  const folder = path.join(scratch, name);
  cpSync(TINY, folder, { recursive: true });
  configure(folder, changes);
  return folder;
}

/** Cuts the log behind its first whole prompt, as a kill between two prompts does. */
function cutBehindFirstPrompt(out: string): void {
  const log = path.join(out, 'last/run.jsonl');
  const lines = readFileSync(log, 'utf8').split('\n');
  const end = lines.findIndex((line) => line.startsWith('{"event":"prompt"'));
  writeFileSync(log, `${lines.slice(0, end + 1).join('\n')}\n`);
}

const validate = (...args: string[]) => callCommand(['validate', ...args, '--out', path.join(scratch, 'out')]);

describe('config.json', () => {
  const prompts = path.join(scratch, 'prompts.json');
  writeFileSync(prompts, JSON.stringify(['first', 'second'].map((name) => ({ name, text: 'Call me Ishmael.' }))));

  it.each([{ rope_theta: 10_000 }, { rms_norm_eps: 1e-3 }, { max_position_embeddings: 4096 }])(
    'changed to %j is another model to --resume and to inspect, and the log stays as it is',
    async (changes) => {
      const [name] = Object.keys(changes);
      const folder = checkpoint(name!);
      const out = path.join(scratch, `out-${name}`);
      expect(
        (await callCommand(['validate', '--weights', folder, '--prompts', prompts, ...LIMITS, '--out', out])).code,
      ).toBe(0);
      cutBehindFirstPrompt(out);
      const log = readFileSync(path.join(out, 'last/run.jsonl'));
      configure(folder, changes);
      const resumed = await callCommand(['validate', '--resume', path.join(out, 'last')]);
      expect(resumed).toMatchObject({ code: 2, stderr: expect.stringMatching(/RESUME_DIFFERS[\s\S]*configSha256/) });
      expect(readFileSync(path.join(out, 'last/run.jsonl'))).toEqual(log);
      const inspect = ['inspect', path.join(out, 'last'), '--prompt', 'first', '--token', '5'];
      const looked = await callCommand(inspect);
      expect(looked.code).toBe(4);
      expect(looked.stderr).toMatch(/WEIGHTS_DIFFER[\s\S]*config\.json and generation_config\.json of sha256/);
      expect((await callCommand([...inspect, '--stored'])).code).toBe(0);
    },
  );
});

describe('--device-weights', () => {
  it('with an epsilon that the device would not use is refused, and the hint judges it', async () => {
    const args = ['--weights', TINY, '--device-weights', checkpoint('other-epsilon', { rms_norm_eps: 0.01 }), ...SHORT];
    const refused = await validate(...args);
    expect(refused.code).toBe(2);
    const [, device] = /CONFIG_NOT_JUDGED[\s\S]*write --device (\S+) to judge it/.exec(refused.stderr)!;
    const judged = await validate(...args, '--device', device!);
    expect(judged).toMatchObject({ code: 1, stdout: expect.stringMatching(/\nFAIL /) });
  });

  it.each([{ use_sliding_window: true, sliding_window: 16, max_window_layers: 0 }, { max_position_embeddings: 16 }])(
    'with %j runs no longer sequence than it knows',
    async (changes) => {
      const folder = checkpoint(`short-${Object.keys(changes)[0]}`, changes);
      const refused = await validate('--weights', TINY, '--device-weights', folder, ...SHORT);
      expect(refused).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/PROMPT_TOO_LONG[\s\S]*at most 16 tokens/),
      });
      const asked = await validate('--weights', TINY, '--device-weights', folder, ...SHORT, '--max-seq-len', '300');
      expect(asked).toMatchObject({ code: 2, stderr: expect.stringMatching(/SEQ_LEN_TOO_LONG[\s\S]*at most 16/) });
    },
  );
});
