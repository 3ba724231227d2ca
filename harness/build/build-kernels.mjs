// Compiles the kernels (AssemblyScript to WebAssembly) unless they were made from these very files: those of the device, once for every
// engine and once with relaxed SIMD, and those of the metrics; says nothing unless the compiler has something to say.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Its optimizer runs until a pass gains nothing more; that the last one lost some bytes is no news. */
const NO_NEWS = 'Last converge was suboptimal.\n';

/** Each with the file that TypeScript and AssemblyScript share, and what the targets of its asconfig.json write, by their names. */
const MODULES = [
  {
    folder: 'src/device/wormhole/kernels',
    layout: 'job-layout.ts',
    written: { plain: 'kernels.wasm', relaxed: 'kernels-relaxed.wasm' },
  },
  { folder: 'harness/metrics/kernels', layout: 'layout.ts', written: { rows: 'row-kernels.wasm' } },
];

const digest = (file, name = file) => `${createHash('sha256').update(readFileSync(file)).digest('hex')}  ${name}\n`;

for (const module of MODULES) await build(module);

async function build({ folder, layout, written }) {
  const config = `${folder}/asconfig.json`;
  const files = Object.values(written).map((name) => `${folder}/${name}`);
  // Digests of what the kernels were made from and of what came out, as `sha256sum` writes them.
  const sumsFile = `${files[0]}.sha256`;
  const sources = readdirSync(`${folder}/assembly`).sort();
  const madeFrom = [
    // Has the versions of the compiler and of its optimizer.
    digest(fileURLToPath(import.meta.resolve('assemblyscript/package.json')), 'assemblyscript/package.json'),
    digest(import.meta.filename, 'build-kernels.mjs'),
    ...[config, `${folder}/${layout}`, ...sources.map((name) => `${folder}/assembly/${name}`)].map((file) =>
      digest(file),
    ),
  ].join('');
  const sums = () => madeFrom + files.map((file) => digest(file)).join('');

  const isUpToDate = [...files, sumsFile].every(existsSync) && readFileSync(sumsFile, 'utf8') === sums();
  if (isUpToDate) return;
  rmSync(sumsFile, { force: true });
  const { default: asc } = await import('assemblyscript/asc');
  for (const target of Object.keys(written)) {
    const said = asc.createMemoryStream();
    const { error } = await asc.main(['--config', config, '--target', target], { stderr: said });
    process.stderr.write(said.toString().replace(NO_NEWS, ''));
    if (error === null) continue;
    process.exitCode = 1;
    return;
  }
  writeFileSync(sumsFile, sums());
}
