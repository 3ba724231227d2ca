// Finishes the build: copies the compiled kernels beside the emitted JavaScript and makes the command executable.
import { chmodSync, copyFileSync, mkdirSync } from 'node:fs';

const root = new URL('../../', import.meta.url);
const kernels = 'src/device/n150/kernels/kernels.wasm';
mkdirSync(new URL('dist/src/device/n150/kernels/', root), { recursive: true });
copyFileSync(new URL(kernels, root), new URL(`dist/${kernels}`, root));
chmodSync(new URL('dist/harness/cli/main.js', root), 0o755);
