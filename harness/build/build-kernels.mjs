// Compiles the kernels (AssemblyScript to WebAssembly); says nothing unless the compiler has something to say.
import asc from 'assemblyscript/asc';

/** Its optimizer runs until a pass gains nothing more; that the last one lost some bytes is no news. */
const NO_NEWS = 'Last converge was suboptimal.\n';

const config = 'src/device/wormhole/kernels/asconfig.json';
const said = asc.createMemoryStream();
const { error } = await asc.main(['--config', config, '--target', 'release'], { stderr: said });
process.stderr.write(said.toString().replace(NO_NEWS, ''));
if (error !== null) process.exitCode = 1;
