// The built command line in a process of its own, as a user runs it: for tests of exit codes, output and signals.
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The package's root. */
export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));
export const MAIN: string = fileURLToPath(new URL('../../dist/harness/cli/qwen-pcc.js', import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SpawnedCommand {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
}

/** @param environment - beside this process's own. */
export function spawnCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  cwd: string = ROOT,
): SpawnedCommand {
  const env = { ...process.env, NO_COLOR: '1', ...environment };
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, env });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { child, finished };
}
