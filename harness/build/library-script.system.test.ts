// The library in a script that is typed on the command line: its threads start whatever flags the process was started with.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const LIBRARY = fileURLToPath(new URL('../../dist/harness/index.js', import.meta.url));
const CHECKPOINT = fileURLToPath(new URL('../../fixtures/tiny-qwen2', import.meta.url));

it.each([
  ["the device's kernels", 'const side = await createKernelMatmulEngine({ threads: 2 });'],
  [
    "the reference's mapped weights",
    `const side = await createReference(openCheckpoint(${JSON.stringify(CHECKPOINT)}), { precision: 'fp32', weights: 'mapped', threads: 2 });`,
  ],
])('%s work on two threads', (_, open) => {
  const script = `
    import { createKernelMatmulEngine, createReference, openCheckpoint } from ${JSON.stringify(LIBRARY)};
    ${open}
    await side.close();
    console.log('closed');
  `;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
  });
  expect({ stdout, stderr }).toEqual({ stdout: 'closed\n', stderr: '' });
});
