// The command line without a process of its own: quick, for tests of what it says and answers. Streams, variables, folder and
// exit code are this process's, lent for the time of the call; so one call at a time.
import { main } from './main.ts';
import type { Finished } from './spawned-command.fixture.ts';
import { ROOT } from './spawned-command.fixture.ts';

interface CallOptions {
  /** Beside this process's own variables. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export async function callCommand(args: readonly string[], options: CallOptions = {}): Promise<Finished> {
  const { environment = {}, cwd = ROOT } = options;
  const said = { stdout: '', stderr: '' };
  const before = {
    cwd: process.cwd(),
    argv: process.argv,
    exitCode: process.exitCode,
    env: { ...process.env },
    stdout: process.stdout.write,
    stderr: process.stderr.write,
  };
  const keep = (name: 'stdout' | 'stderr'): typeof process.stdout.write =>
    ((text: string | Uint8Array) => {
      said[name] += typeof text === 'string' ? text : Buffer.from(text).toString();
      return true;
    }) as typeof process.stdout.write;
  try {
    process.chdir(cwd);
    process.argv = [process.execPath, 'qwen-pcc', ...args];
    process.exitCode = undefined;
    Object.assign(process.env, { NO_COLOR: '1' }, environment);
    process.stdout.write = keep('stdout');
    process.stderr.write = keep('stderr');
    const code = await main(args, process);
    return { code, ...said };
  } finally {
    process.stdout.write = before.stdout;
    process.stderr.write = before.stderr;
    process.chdir(before.cwd);
    process.argv = before.argv;
    process.exitCode = before.exitCode;
    for (const name of Object.keys(process.env)) if (!(name in before.env)) delete process.env[name];
    Object.assign(process.env, before.env);
  }
}
