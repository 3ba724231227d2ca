// The law of feeds that share passes on the device: any grouping of prompts gives the bits of one by one.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LogitsSource } from '../logits-source.ts';
import { createKernelMatmulEngine } from '../wormhole/kernels/kernel-matmul-engine.ts';
import type { MatmulEngine } from '../wormhole/matmul-engine.ts';
import { parseDeviceOptions } from './device-options.ts';
import { openFixture } from './graph.fixture.ts';
import { createN150Source } from './n150-source.ts';

const checkpoint = openFixture('tiny-qwen2');
const { vocabSize } = checkpoint.config;
/** Feeds of each prompt: together more rows than a pass takes, at other positions, one row and many. */
const PROMPTS = [
  [5, 1, 33],
  [1, 1, 1],
  [140, 7],
  [37, 2, 1],
  [120, 16],
];

let engine: MatmulEngine;
beforeAll(async () => {
  engine = await createKernelMatmulEngine({ threads: 2 });
});
afterAll(() => engine.close());

/** Digests of the logits of every position. */
async function rowsOf(source: LogitsSource, prompt: number): Promise<string[]> {
  const rows: string[] = [];
  const promptLength = PROMPTS[prompt]![0]!;
  for (const count of PROMPTS[prompt]!) {
    const first = source.length;
    const ids = Int32Array.from({ length: count }, (_, i) => (7919 * (first + i) + 31 * prompt) % vocabSize);
    await source.feed(ids, { rows: 'all', promptLength }, ({ logits, position }) => {
      rows.push(`${position} ${createHash('sha256').update(logits).digest('hex')}`);
    });
  }
  return rows;
}

describe('sequences of the device', () => {
  it.each(['tier=fast', 'tier=exact,recipe=ttnn-0.81', 'tier=fast,demoRotOffByOne=true'])(
    'have together the bits that each has alone (%s)',
    async (options) => {
      const source = await createN150Source(checkpoint, parseDeviceOptions(options), engine);
      const prompts = options.startsWith('tier=exact') ? [0, 1, 3] : [0, 1, 2, 3, 4];
      const alone: string[][] = [];
      for (const prompt of prompts) {
        await source.truncate(0);
        alone.push(await rowsOf(source, prompt));
      }
      const together = await Promise.all(prompts.map((prompt) => rowsOf(source.sequence!(), prompt)));
      expect(together).toEqual(alone);
      await source.close();
    },
  );

  it('share passes, and one that fails or is stopped leaves the others theirs', async () => {
    const source = await createN150Source(checkpoint, parseDeviceOptions('tier=fast'), engine);
    const sequences = [source, source.sequence!(), source.sequence!()];
    const passes = new Set<number>();
    let layers = 0;
    const onLayer = (): void => void layers++;
    const ids = Int32Array.of(1, 2, 3);
    const ends = await Promise.allSettled(
      sequences.map((sequence, i) =>
        sequence.feed(ids, { rows: 'all', onLayer }, ({ position }) => {
          passes.add(layers);
          if (i === 1 && position === 1) throw new Error('full');
        }),
      ),
    );
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect([...passes]).toEqual([3 * checkpoint.config.layers]);
    await sequences[1]!.truncate(0);
    expect(sequences.map(({ length }) => length)).toEqual([3, 0, 3]);
    await source.close();
  });
});
