// `npm run real-model -- [judge] [keys] [compare] [prompt…]`: a real Qwen2 checkpoint of 0.5B, judged, and compared with variants of itself.
// Needs python3 with pip, or QWEN_PCC_CODER_DIR (and, for compare, QWEN_PCC_CODER_GGUF).
import { existsSync } from 'node:fs';

const built = new URL('../../dist/harness/bench/real-model/main.js', import.meta.url);
if (!existsSync(built)) {
  console.error('The harness is not built.\n  found   no dist/harness/bench/real-model\n  hint: npm run build');
  process.exit(2);
}
const { runRealModel } = await import(built.href);
try {
  await runRealModel(process.argv.slice(2));
} catch (error) {
  if (error.exitCode === undefined) throw error;
  console.error(`${error.name} ${error.code}: ${error.message}`);
  process.exitCode = error.exitCode;
}
