// A copy of the repository as it stands, uncommitted changes included, built and with its packages: where documents are tried out.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { vi } from 'vitest';
import { callCommand } from '../cli/in-process.fixture.ts';
import { ROOT } from './documents.fixture.ts';

export interface Ran {
  readonly exitCode: number | null;
  readonly output: string;
}

export interface ScratchCopy {
  readonly folder: string;
  /** Runs one line in bash, without a network for npm, and with `qwen-pcc` on the path as an installed package has it. */
  run(command: string): Promise<Ran>;
  /** The same for words of `qwen-pcc` that mean nothing to a shell, in this process: a second of a core less for each. */
  call(words: readonly string[]): Promise<Ran>;
  remove(): void;
}

/** What the build makes beside the sources: npx would make it anew. */
const NOT_IN_GIT = [
  ...['kernels.wasm', 'kernels-relaxed.wasm', 'kernels.wasm.sha256'].map(
    (name) => `src/device/wormhole/kernels/${name}`,
  ),
  ...['row-kernels.wasm', 'row-kernels.wasm.sha256'].map((name) => `harness/metrics/kernels/${name}`),
];

/** With its times, by which the compiler sees that dist is of these sources. */
const AS_IT_WAS = { preserveTimestamps: true };

export function scratchCopy(): ScratchCopy {
  if (!existsSync(path.join(ROOT, 'dist'))) throw new Error('dist is missing: run `npm run build` before these tests');
  const folder = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-docs-'));
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  // A file that is tracked may be deleted in the working tree.
  const files = listed.split('\0').filter((name) => name !== '' && existsSync(path.join(ROOT, name)));
  for (const name of files) {
    if (lstatSync(path.join(ROOT, name)).isDirectory()) continue;
    cpSync(path.join(ROOT, name), path.join(folder, name), AS_IT_WAS);
  }
  for (const name of NOT_IN_GIT) cpSync(path.join(ROOT, name), path.join(folder, name), AS_IT_WAS);
  // A copy: through a link the command would take the fixtures of the repository for its package's.
  cpSync(path.join(ROOT, 'dist'), path.join(folder, 'dist'), { ...AS_IT_WAS, recursive: true });
  symlinkSync(realpathSync(path.join(ROOT, 'node_modules')), path.join(folder, 'node_modules'));
  mkdirSync(path.join(folder, '.bin'));
  symlinkSync('../dist/harness/cli/qwen-pcc.js', path.join(folder, '.bin/qwen-pcc'));
  return {
    folder,
    run: (command) => runIn(folder, command),
    call: (words) => callIn(folder, words),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** What of this process's variables would change what a command does. */
const NOT_OF_A_READER = /^(npm_|VITEST|NODE_ENV$|NODE_OPTIONS$|CI$|FORCE_COLOR$|QWEN_|FAKE_DEVICE$|WH_ARCH_YAML$)/i;
const OF_THE_COMMAND = /^(CI|QWEN_\w+|FAKE_DEVICE|WH_ARCH_YAML)$/;

function runIn(folder: string, command: string): Promise<Ran> {
  const env = {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !NOT_OF_A_READER.test(name))),
    PATH: `${path.join(folder, '.bin')}:${process.env['PATH']}`,
    NO_COLOR: '1',
    npm_config_offline: 'true',
  };
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-c', command], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', reject);
    child.on('close', (exitCode) => resolve({ exitCode, output }));
  });
}

async function callIn(folder: string, words: readonly string[]): Promise<Ran> {
  for (const name of Object.keys(process.env)) if (OF_THE_COMMAND.test(name)) vi.stubEnv(name, undefined);
  try {
    const { code, stdout, stderr } = await callCommand(words, { cwd: folder });
    return { exitCode: code, output: stdout + stderr };
  } finally {
    vi.unstubAllEnvs();
  }
}
