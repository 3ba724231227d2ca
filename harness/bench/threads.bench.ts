// Benchmark of --threads: both sides with 1, 2, 4 and 8 threads, as far as the machine has them, against one thread.
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { createReference } from '../../reference/onnx-reference.ts';
import { openCheckpoint } from '../../src/checkpoint/weights.ts';
import type { LogitsSource } from '../../src/device/logits-source.ts';
import { createN150Source } from '../../src/device/n150/n150-source.ts';
import { DEFAULT_N150_CONFIG } from '../../src/device/n150/recipes.ts';
import { createKernelMatmulEngine } from '../../src/device/wormhole/kernels/kernel-matmul-engine.ts';
import { type Benchmark, ratios, timeInTurns } from './benchmark.ts';

const TINY = fileURLToPath(new URL('../../../fixtures/tiny-qwen2', import.meta.url));
const THREADS = [1, 2, 4, 8] as const;
const PREFILL_TOKENS = 128;
const DECODE_TOKENS = 8;
const ROUNDS = 5;

export const benchmark: Benchmark = {
  name: 'threads',
  description: `reference and device on $QWEN_DIR (tiny-qwen2 without it): ${PREFILL_TOKENS} tokens at once, then ${DECODE_TOKENS} one by one`,
  async run() {
    const checkpoint = openCheckpoint(process.env['QWEN_DIR'] ?? TINY);
    const counts = THREADS.filter((count) => count <= availableParallelism());
    const actions: Record<string, () => Promise<void>> = {};
    const close: (() => Promise<void>)[] = [];
    for (const threads of counts) {
      const engine = await createKernelMatmulEngine({ threads });
      const reference = await createReference(checkpoint, { precision: 'fp32', threads });
      const device = await createN150Source(checkpoint, DEFAULT_N150_CONFIG, engine);
      close.push(
        () => reference.close(),
        () => device.close(),
        () => engine.close(),
      );
      for (const [side, source] of Object.entries({ reference, device })) {
        actions[name(side, 'prefill', threads)] = () => prefill(source);
        actions[name(side, 'decode', threads)] = () => decode(source);
      }
    }
    const times = await timeInTurns(actions, ROUNDS);
    for (const end of close) await end();
    return ['reference', 'device'].flatMap((side) =>
      ['prefill', 'decode'].flatMap((part) =>
        counts.map((threads) => {
          const samples = times[name(side, part, threads)]!;
          return threads === 1
            ? { name: name(side, part, 1), unit: 'ms', samples }
            : {
                name: name(side, part, threads),
                unit: 'times as fast as with one',
                samples: ratios(times[name(side, part, 1)]!, samples),
              };
        }),
      ),
    );
  },
};

function name(side: string, part: string, threads: number): string {
  return `${side}, ${part}, ${threads} thread${threads === 1 ? '' : 's'}`;
}

async function prefill(source: LogitsSource): Promise<void> {
  await source.truncate(0);
  await source.feed(tokens(PREFILL_TOKENS), { rows: 'last' }, () => undefined);
}

/** On top of what prefill left. */
async function decode(source: LogitsSource): Promise<void> {
  for (const tokenId of tokens(DECODE_TOKENS)) {
    await source.feed(Int32Array.of(tokenId), { rows: 'last' }, () => undefined);
  }
}

function tokens(count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => (i * 37) % 1000);
}
