// Finishes the build: copies the compiled kernels, the workers of both sides and the token lens beside the emitted JavaScript and makes the command executable.
import { chmodSync, copyFileSync, mkdirSync } from 'node:fs';

const root = new URL('../../', import.meta.url);
const kernels = {
  'src/device/wormhole/kernels/': ['kernels.wasm', 'kernels-relaxed.wasm', 'kernel-worker.mjs'],
  'harness/metrics/kernels/': ['row-kernels.wasm'],
};
for (const [folder, files] of Object.entries(kernels)) {
  mkdirSync(new URL(`dist/${folder}`, root), { recursive: true });
  for (const file of files) copyFileSync(new URL(folder + file, root), new URL(`dist/${folder}${file}`, root));
}
copyFileSync(
  new URL('reference/graph/product-worker.mjs', root),
  new URL('dist/reference/graph/product-worker.mjs', root),
);
const viewer = 'harness/viewer/built/';
mkdirSync(new URL(`dist/${viewer}`, root), { recursive: true });
copyFileSync(new URL(`${viewer}lens.html`, root), new URL(`dist/${viewer}lens.html`, root));
chmodSync(new URL('dist/harness/cli/qwen-pcc.js', root), 0o755);
