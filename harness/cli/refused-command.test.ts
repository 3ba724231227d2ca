// Wrong use of the command, in this process: exit code 2, nothing on stdout, and a message that says what would be right.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { callCommand } from './in-process.fixture.ts';
import type { Finished } from './spawned-command.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-refused-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Runs that are refused leave a report: not among those of the project. */
function run(args: readonly string[]): Promise<Finished> {
  return callCommand([...args, ...(args[0] === 'validate' ? ['--out', scratch] : [])]);
}

describe('wrong use ends with 2 and says what would be right', () => {
  const files = path.join(scratch, 'bad');
  const write = (name: string, content: unknown): string => {
    writeFileSync(path.join(scratch, name), JSON.stringify(content));
    return path.join(scratch, name);
  };

  it.each([
    { what: 'an unknown command', args: () => ['validat'], says: /Did you mean validate\?/ },
    { what: 'an unknown option', args: () => ['validate', '--treshold', '1'], says: /Did you mean --threshold\?/ },
    {
      what: 'an unknown semantics',
      args: () => ['validate', '--semantics', 'tt-legcy'],
      says: /did you mean tt-legacy\?/,
    },
    { what: 'an unknown mode', args: () => ['validate', '--mode', 'teach'], says: /did you mean teacher\?/ },
    { what: 'an unknown device', args: () => ['validate', '--device', 'n15'], says: /did you mean n150\?/ },
    { what: 'an unknown knob', args: () => ['validate', '--device', 'n150:tir=exact'], says: /did you mean tier\?/ },
    { what: 'a knob value', args: () => ['validate', '--device', 'n150:tier=exakt'], says: /did you mean exact\?/ },
    {
      what: 'a layer to skip that is not there',
      args: () => ['validate', '--weights', 'fixtures/tiny-qwen2', '--device', 'n150:skipLayer=6'],
      says: /tiny-qwen2 has no such layer[\s\S]*0 … 5/,
    },
    {
      what: 'a threshold above 1',
      args: () => ['validate', '--threshold', '79'],
      says: /a number from -1 to 1; got "79"/,
    },
    {
      what: 'a missing folder',
      args: () => ['validate', '--weights', 'nowhere'],
      says: /nowhere: there is no such folder/,
    },
    {
      what: 'an unknown prompt',
      args: () => ['validate', '--prompt', 'senate-and-hose', '--weights', 'fixtures/tiny-qwen2'],
      says: /did you mean "senate-and-house"\?/,
    },
    {
      what: 'prompts that are no JSON',
      args: () => ['validate', '--prompts', 'README.md'],
      says: /README\.md: the prompt file cannot be read/,
    },
    {
      what: 'an empty prompt',
      args: () => ['validate', '--prompts', write('empty.json', [{ name: 'a', text: '' }])],
      says: /prompt "a" is empty/,
    },
    {
      what: 'a prompt that is too long',
      args: () => ['validate', '--prompts', write('long.json', [{ name: 'a', ids: new Array(4097).fill(5) }])],
      says: /4097 tokens[\s\S]*write --max-seq-len 4097/,
    },
    {
      what: 'a prompt that is too long to record',
      args: () => [
        ...['record', '--source', 'n150', '--out', path.join(scratch, 'long.safetensors')],
        ...['--prompts', write('long.json', [{ name: 'a', ids: new Array(4097).fill(5) }])],
      ],
      says: /4097 tokens[\s\S]*write --max-seq-len 4097/,
    },
    {
      what: 'a longer sequence than the config allows',
      args: () => ['validate', '--weights', 'fixtures/tiny-qwen2', '--max-seq-len', '131073'],
      says: /--max-seq-len is longer than tiny-qwen2 allows[\s\S]*at most 131072 \(max_position_embeddings\)/,
    },
    {
      what: 'a token of another tokenizer',
      args: () => ['validate', '--prompts', write('ids.json', [{ name: 'a', ids: [2048] }])],
      says: /token id outside the vocabulary/,
    },
    {
      what: 'a recording that runs free',
      args: () => ['validate', '--mode', 'free', '--device', `capture:${files}`],
      says: /a recording cannot run free/,
    },
    {
      what: 'no run to inspect',
      args: () => ['inspect', '--out', path.join(scratch, 'none')],
      says: /there is no run in/,
    },
    { what: 'a run that is none', args: () => ['inspect', 'fixtures'], says: /"fixtures" is not a run folder/ },
  ])('$what', async ({ args, says }) => {
    const { code, stderr, stdout } = await run(args());
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(says);
  });
});

describe('a validate that does not start', () => {
  it.each([
    { what: 'an option that is none', args: ['validate', '--treshold', '1'], code: 'UNKNOWN_OPTION' },
    { what: 'a value that is none', args: ['validate', '--threshold', '79'], code: 'OPTION_VALUE' },
    { what: 'a folder that is none', args: ['validate', '--weights', 'nowhere'], code: 'CHECKPOINT_FOLDER' },
  ])('for $what leaves its cause as the last run', async ({ args, code }) => {
    await run(args);
    const last = (name: string): string => readFileSync(path.join(scratch, 'last', name), 'utf8');
    expect(JSON.parse(last('error.json'))).toMatchObject({ failure: { code, exitCode: 2 } });
    expect(last('junit.xml')).toMatch(new RegExp(`errors="1"[\\s\\S]*type="${code}"`));
    expect(last('summary.md')).toMatch(/^# qwen-pcc: error/);
    expect((await run(['inspect', '--out', scratch])).stderr).toMatch(/RUN_NOT_STARTED/);
  });

  it('answers a reader of JSON in JSON', async () => {
    const { code, stdout } = await run(['validate', '--weights', 'nowhere', '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'CHECKPOINT_FOLDER', exitCode: 2 } });
  });
});
