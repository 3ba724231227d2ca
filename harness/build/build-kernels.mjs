// Compiles the kernels (AssemblyScript to WebAssembly), unless they were made from these very files; says nothing unless the compiler
// has something to say.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Its optimizer runs until a pass gains nothing more; that the last one lost some bytes is no news. */
const NO_NEWS = 'Last converge was suboptimal.\n';

const FOLDER = 'src/device/wormhole/kernels';
const CONFIG = `${FOLDER}/asconfig.json`;
const KERNELS = `${FOLDER}/kernels.wasm`;
/** Digests of what the kernels were made from and of what came out, as `sha256sum` writes them. */
const SUMS = `${KERNELS}.sha256`;

const digest = (file, name = file) => `${createHash('sha256').update(readFileSync(file)).digest('hex')}  ${name}\n`;
const sources = readdirSync(`${FOLDER}/assembly`).sort();
const madeFrom = [
  // Has the versions of the compiler and of its optimizer.
  digest(fileURLToPath(import.meta.resolve('assemblyscript/package.json')), 'assemblyscript/package.json'),
  digest(import.meta.filename, 'build-kernels.mjs'),
  ...[CONFIG, ...sources.map((name) => `${FOLDER}/assembly/${name}`)].map((file) => digest(file)),
].join('');

const isUpToDate = existsSync(KERNELS) && existsSync(SUMS) && readFileSync(SUMS, 'utf8') === madeFrom + digest(KERNELS);
if (!isUpToDate) await compile();

async function compile() {
  rmSync(SUMS, { force: true });
  const { default: asc } = await import('assemblyscript/asc');
  const said = asc.createMemoryStream();
  const { error } = await asc.main(['--config', CONFIG, '--target', 'release'], { stderr: said });
  process.stderr.write(said.toString().replace(NO_NEWS, ''));
  if (error === null) writeFileSync(SUMS, madeFrom + digest(KERNELS));
  else process.exitCode = 1;
}
