// In a process of its own: where this fails, Node's mkdir never returns, and no time limit of a test could end it.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';

const MODULE = new URL('../../dist/src/files/make-folder.js', import.meta.url);

it.runIf(existsSync('/proc/self'))(
  'makeFolder ends with an error where the system makes no folders, as in /proc',
  () => {
    if (!existsSync(MODULE)) throw new Error('dist is missing: run `npm run build` before these tests');
    const program = `import { makeFolder } from ${JSON.stringify(MODULE.href)}; makeFolder('/proc/x/y');`;
    const args = ['--input-type=module', '--eval', program];
    const { stderr, signal } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 });
    expect(signal).toBeNull();
    expect(stderr).toMatch(/ENOENT: no such file or directory, mkdir '\/proc\/x'/);
  },
);
