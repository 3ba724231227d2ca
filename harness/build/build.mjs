// Builds all of dist: the kernels on one core; on the other the token lens, then the TypeScript projects; then what belongs beside them.
import { spawn } from 'node:child_process';

/** @returns whether it ended well. */
function run(command, ...args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'inherit' });
    child.on('error', (error) => {
      console.error(`${command}: ${error.message}`);
      resolve(false);
    });
    child.on('close', (code) => resolve(code === 0));
  });
}

const script = (name) => run('npm', 'run', '--silent', name);
const isBuilt = await Promise.all([
  script('kernels'),
  script('viewer').then((isMade) => isMade && run('tsc', '-b', 'tsconfig.build.json')),
]);
if (!isBuilt.every(Boolean) || !(await run(process.execPath, 'harness/build/finish-dist.mjs'))) process.exitCode = 1;
