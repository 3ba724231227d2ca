// The command as a process whose streams are full or closed.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EXIT_CODES } from '../../src/errors.ts';
import { MAIN, ROOT } from './spawned-command.fixture.ts';

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

function runInto(stdout: number | 'pipe', args: readonly string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...args], { cwd: ROOT, stdio: ['ignore', stdout, 'pipe'] });
    // A reader that has seen enough.
    child.stdout?.destroy();
    let stderr = '';
    child.stderr!.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stderr }));
  });
}

describe.runIf(existsSync('/dev/full'))('a full standard output', () => {
  it.each([['--version'], ['--help'], ['validate', '--help'], ['doctor'], ['doctor', '--json']])(
    'is exit code 2 and one line, not "accuracy failed" and not a stack: %s',
    async (...args) => {
      const full = openSync('/dev/full', 'w');
      const { code, stderr } = await runInto(full, args);
      closeSync(full);
      expect(stderr).toMatch(/^InputError OUTPUT_WRITE: the standard output cannot be written: ENOSPC[^\n]*\n$/);
      expect(code).toBe(EXIT_CODES.usage);
    },
  );
});

it('a reader that closes the pipe changes no exit code and is no error', async () => {
  expect(await runInto('pipe', ['doctor', '--json'])).toEqual({ code: EXIT_CODES.pass, stderr: '' });
  expect(await runInto('pipe', ['validat'])).toMatchObject({ code: EXIT_CODES.usage });
});
