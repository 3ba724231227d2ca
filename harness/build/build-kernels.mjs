// Compiles the kernels (AssemblyScript to WebAssembly), once for every engine and once with relaxed SIMD, unless they were made from
// these very files; says nothing unless the compiler has something to say.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Its optimizer runs until a pass gains nothing more; that the last one lost some bytes is no news. */
const NO_NEWS = 'Last converge was suboptimal.\n';

const FOLDER = 'src/device/wormhole/kernels';
const CONFIG = `${FOLDER}/asconfig.json`;
/** What the targets of CONFIG write. */
const KERNELS = { plain: `${FOLDER}/kernels.wasm`, relaxed: `${FOLDER}/kernels-relaxed.wasm` };
/** Digests of what the kernels were made from and of what came out, as `sha256sum` writes them. */
const SUMS = `${KERNELS.plain}.sha256`;

const digest = (file, name = file) => `${createHash('sha256').update(readFileSync(file)).digest('hex')}  ${name}\n`;
const sources = readdirSync(`${FOLDER}/assembly`).sort();
const madeFrom = [
  // Has the versions of the compiler and of its optimizer.
  digest(fileURLToPath(import.meta.resolve('assemblyscript/package.json')), 'assemblyscript/package.json'),
  digest(import.meta.filename, 'build-kernels.mjs'),
  ...[CONFIG, `${FOLDER}/job-layout.ts`, ...sources.map((name) => `${FOLDER}/assembly/${name}`)].map((file) =>
    digest(file),
  ),
].join('');
const sums = () =>
  madeFrom +
  Object.values(KERNELS)
    .map((file) => digest(file))
    .join('');

const isUpToDate = [...Object.values(KERNELS), SUMS].every(existsSync) && readFileSync(SUMS, 'utf8') === sums();
if (!isUpToDate) await compile();

async function compile() {
  rmSync(SUMS, { force: true });
  const { default: asc } = await import('assemblyscript/asc');
  for (const target of Object.keys(KERNELS)) {
    const said = asc.createMemoryStream();
    const { error } = await asc.main(['--config', CONFIG, '--target', target], { stderr: said });
    process.stderr.write(said.toString().replace(NO_NEWS, ''));
    if (error === null) continue;
    process.exitCode = 1;
    return;
  }
  writeFileSync(SUMS, sums());
}
