// Finishes the build: copies the compiled kernels, the workers of both sides and the token lens beside the emitted JavaScript and makes the command executable.
import { chmodSync, copyFileSync, mkdirSync } from 'node:fs';

const root = new URL('../../', import.meta.url);
const kernels = 'src/device/wormhole/kernels/';
mkdirSync(new URL(`dist/${kernels}`, root), { recursive: true });
for (const file of ['kernels.wasm', 'kernels-relaxed.wasm', 'kernel-worker.mjs']) {
  copyFileSync(new URL(kernels + file, root), new URL(`dist/${kernels}${file}`, root));
}
copyFileSync(
  new URL('reference/graph/product-worker.mjs', root),
  new URL('dist/reference/graph/product-worker.mjs', root),
);
const viewer = 'harness/viewer/built/';
mkdirSync(new URL(`dist/${viewer}`, root), { recursive: true });
copyFileSync(new URL(`${viewer}lens.html`, root), new URL(`dist/${viewer}lens.html`, root));
chmodSync(new URL('dist/harness/cli/qwen-pcc.js', root), 0o755);
