// One run of llama.cpp through node-llama-cpp: prefill of given ids, then greedy steps; times and ids as JSON on stdout.
// node llama-peer.mjs GGUF IDS(comma-separated) STEPS THREADS FOLDER-WITH-NODE_MODULES
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [file, ids, steps, threads, folder] = process.argv.slice(2);
const require = createRequire(join(folder, 'package.json'));
const started = performance.now();
const { getLlama } = await import(pathToFileURL(require.resolve('node-llama-cpp')).href);
const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'disabled', maxThreads: Number(threads) });
const model = await llama.loadModel({ modelPath: file });
const prompt = ids.split(',').map(Number);
const context = await model.createContext({ contextSize: prompt.length + Number(steps) + 8, threads: Number(threads) });
const sequence = context.getSequence();
const loaded = performance.now();
let prefilled = loaded;
const tokens = [];
for await (const token of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
  if (tokens.length === 0) prefilled = performance.now();
  tokens.push(token);
  // The last token is computed too, as in the other peers.
  if (tokens.length > Number(steps)) break;
}
const ended = performance.now();
const seconds = (from, to) => (to - from) / 1000;
console.log(
  JSON.stringify({
    loadS: seconds(started, loaded),
    prefillS: seconds(loaded, prefilled),
    decodeS: seconds(prefilled, ended),
    tokens: tokens.slice(0, Number(steps)),
  }),
);
process.exit(0);
