// `npm run fuzz [-- --seed N --count N --only I]`: damaged files to every reader of the product; exit code 1 on any finding.
import { existsSync } from 'node:fs';

const built = new URL('../../dist/harness/bench/fuzz/main.js', import.meta.url);
if (!existsSync(built)) {
  console.error('The harness is not built.\n  found   no dist/harness/bench/fuzz\n  hint: npm run fuzz');
  process.exit(2);
}
const { runFuzz } = await import(built.href);
try {
  process.exitCode = await runFuzz(process.argv.slice(2));
} catch (error) {
  if (error.exitCode === undefined) throw error;
  console.error(`${error.name} ${error.code}: ${error.message}`);
  process.exitCode = error.exitCode;
}
