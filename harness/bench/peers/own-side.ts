// One run of the reference or of the device model as a peer: prefill of given ids, then greedy steps; times and ids as JSON on stdout.
// node own-side.js reference|device CHECKPOINT IDS(comma-separated) STEPS THREADS
import { createReference } from '../../../reference/onnx-reference.ts';
import { openCheckpoint } from '../../../src/checkpoint/weights.ts';
import type { LogitsSource } from '../../../src/device/logits-source.ts';
import { createN150Source } from '../../../src/device/n150/n150-source.ts';
import { DEFAULT_N150_CONFIG } from '../../../src/device/n150/recipes.ts';
import { createKernelMatmulEngine } from '../../../src/device/wormhole/kernels/kernel-matmul-engine.ts';
import { argmax } from '../../sequence/sequence.ts';
import { referenceWeights } from '../../sources/batch-plan.ts';

const [side, folder, ids, steps, threads] = process.argv.slice(2) as [string, string, string, string, string];
const started = performance.now();
const source = await openSide();
const loaded = performance.now();
let next = await lastArgmax(Int32Array.from(ids.split(','), Number));
const prefilled = performance.now();
const tokens: number[] = [];
while (tokens.length < Number(steps)) {
  tokens.push(next);
  next = await lastArgmax(Int32Array.of(next));
}
const ended = performance.now();
const seconds = (from: number, to: number): number => (to - from) / 1000;
console.log(
  JSON.stringify({
    loadS: seconds(started, loaded),
    prefillS: seconds(loaded, prefilled),
    decodeS: seconds(prefilled, ended),
    tokens,
  }),
);
process.exit(0);

async function openSide(): Promise<LogitsSource> {
  const checkpoint = openCheckpoint(folder);
  if (side === 'reference') {
    // As a run of so many passes holds them.
    const plan = { threads: Number(threads), memoryBytes: undefined, passes: 1 + Number(steps) };
    const { weights } = referenceWeights(checkpoint, plan);
    return createReference(checkpoint, { precision: 'fp32', threads: plan.threads, weights });
  }
  const engine = await createKernelMatmulEngine({ threads: Number(threads) });
  return createN150Source(checkpoint, DEFAULT_N150_CONFIG, engine);
}

async function lastArgmax(tokenIds: Int32Array): Promise<number> {
  let best = -1;
  await source.feed(tokenIds, { rows: 'all' }, ({ logits }) => {
    best = argmax(logits);
  });
  return best;
}
