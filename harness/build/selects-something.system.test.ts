// A gate that is called by a name must be there: vitest with this repository's configuration, as a process.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const VITEST = path.join(ROOT, 'node_modules/vitest/vitest.mjs');

function runVitest(...args: string[]): { readonly status: number | null; readonly text: string } {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(VITEST|CI$)/.test(name)));
  const { status, stdout, stderr } = spawnSync(process.execPath, [VITEST, ...args], {
    cwd: ROOT,
    env: { ...env, NO_COLOR: '1' },
    encoding: 'utf8',
  });
  return { status, text: stdout + stderr };
}

it.each([
  { project: 'gates', file: 'demo', name: 'general_weights-4_batch', reporters: [] },
  { project: 'unit', file: 'src/text/printable', name: 'printable breaks lines', reporters: ['--reporter=json'] },
])(
  'a name that nothing in $project has is an error, with reporters $reporters',
  ({ project, file, name, reporters }) => {
    const { status, text } = runVitest('run', '--project', project, file, '-t', name, ...reporters);
    expect(text).toContain(`No test has a name that fits /${name}/: nothing was tested.`);
    expect(status).toBe(1);
  },
);

it('a name that some test has runs it, though it is skipped in every other file', () => {
  const { status, text } = runVitest(
    'run',
    '--project',
    'unit',
    '-t',
    'printable keeps line breaks only where asked',
    'src/text/printable',
    'src/text/template-date',
  );
  expect(text).toMatch(/Tests +1 passed/);
  expect(status).toBe(0);
});
