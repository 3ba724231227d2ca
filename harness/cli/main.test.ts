// The command line without a process: how errors become texts and exit codes.
import { describe, expect, it } from 'vitest';
import { EXIT_CODES } from '../../src/errors.ts';
import { callCommand } from './in-process.fixture.ts';

describe('a command line that cannot be understood', () => {
  it.each([
    { args: ['validat'], code: 'UNKNOWN_COMMAND', says: "unknown command 'validat'. Did you mean validate?" },
    {
      args: ['validate', '--treshold', '1'],
      code: 'UNKNOWN_OPTION',
      says: "unknown option '--treshold'. Did you mean --threshold?",
    },
    {
      args: ['validate', '--weights'],
      code: 'OPTION_MISSING_ARGUMENT',
      says: "option '--weights <dir...>' argument missing.",
    },
    { args: ['synthesize', '--like', 'Qwen2-7B'], code: 'MISSING_ARGUMENT', says: "missing required argument 'dir'." },
    {
      args: ['doctor', 'a'],
      code: 'EXCESS_ARGUMENTS',
      says: "too many arguments for 'doctor'. Expected 0 arguments but got 1.",
    },
    {
      args: ['get-weights'],
      code: 'MISSING_MANDATORY_OPTION_VALUE',
      says: "required option '--weights_path <dir>' not specified.",
    },
  ])('is answered as every other wrong use: $args', async ({ args, code, says }) => {
    const { code: exitCode, stdout, stderr } = await callCommand(args);
    const command = code === 'UNKNOWN_COMMAND' ? '' : `${args[0]} `;
    expect(stderr).toBe(`UsageError ${code}: ${says}\n  hint: every option is in qwen-pcc ${command}--help.\n`);
    expect({ exitCode, stdout }).toEqual({ exitCode: EXIT_CODES.usage, stdout: '' });
  });

  it('is led on by its hint', async () => {
    const { stderr } = await callCommand(['validate', '--treshold', '1']);
    const [, hinted] = /qwen-pcc (.*)\.\n$/.exec(stderr)!;
    const { code, stdout } = await callCommand(hinted!.split(' '));
    expect(code).toBe(EXIT_CODES.pass);
    expect(stdout).toContain('--threshold');
  });

  it('without any word shows the help and is wrong use', async () => {
    const { code, stdout, stderr } = await callCommand([]);
    expect({ code, stdout }).toEqual({ code: EXIT_CODES.usage, stdout: '' });
    expect(stderr).toMatch(/^Usage: qwen-pcc [\s\S]*\nUsageError COMMAND_MISSING: no command is given\./);
  });
});

it.each([['--version'], ['--help'], ['help', 'demo']])('%s is data on stdout and a pass', async (...args) => {
  const { code, stdout, stderr } = await callCommand(args);
  expect({ code, stderr }).toEqual({ code: EXIT_CODES.pass, stderr: '' });
  expect(stdout).not.toBe('');
});

it('an error of ours is its message and its own exit code', async () => {
  const { code, stdout, stderr } = await callCommand(['doctor', '--weights', 'nowhere']);
  expect({ code, stdout }).toEqual({ code: EXIT_CODES.usage, stdout: '' });
  expect(stderr).toMatch(/^InputError [A-Z_]+: .*nowhere/);
  expect(stderr).not.toMatch(/^ {4}at /m);
});

it('QWEN_PCC_STACK=1 adds stacks', async () => {
  const { stderr } = await callCommand(['doctor', '--weights', 'nowhere'], { environment: { QWEN_PCC_STACK: '1' } });
  expect(stderr).toMatch(/^ {4}at /m);
});

it('a value that has nothing in common with the allowed ones is no typo of one of them', async () => {
  const { code, stderr } = await callCommand(['demo', '--batches', '4']);
  expect(code).toBe(EXIT_CODES.usage);
  expect(stderr).toMatch(/--batches must be one of 1, 2, 3; got "4"/);
  expect(stderr).not.toMatch(/did you mean/i);
});
