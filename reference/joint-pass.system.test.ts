// The law of joint passes: no bit of a row depends on the rows that share its pass, whatever the weights, threads and precision.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { LogitsSource, TapName } from '../src/device/logits-source.ts';
import { FP32_OPERATORS } from './graph/fp32-operators.ts';
import { GraphBuilder } from './graph/graph-builder.ts';
import { Tensor } from './graph/onnx-runtime.ts';
import { columnsOf, inBlocks, ROWS_PER_BLOCK } from './graph/row-blocks.ts';
import { openRunner } from './graph/session.ts';
import { openingReferences } from './open-reference.fixture.ts';

const TAPS: readonly TapName[] = ['embed_tokens.out', 'layers.1.self_attn.q_rotated', 'layers.1.mlp.out', 'norm.out'];
const NEW_TOKENS = 3;
/** Of several passes, one row, an odd number of rows, more than a slice has. */
const LENGTHS = [5, 1, 37, 130, 11, 2];

const reference = openingReferences({ taps: TAPS, chunk: 48 });

function promptsFor({ vocabSize }: LogitsSource): Int32Array[] {
  return LENGTHS.map((length, i) => Int32Array.from({ length }, (_, j) => (7919 * j + 31 * i) % vocabSize));
}

/** Digests of logits and taps of a prompt and its greedy tokens. */
async function rowsOf(source: LogitsSource, prompt: Int32Array): Promise<string[]> {
  const rows: string[] = [];
  let best = 0;
  let next = prompt;
  for (let step = 0; step <= NEW_TOKENS; step++) {
    await source.feed(next, { rows: 'all', taps: TAPS }, ({ logits, taps }) => {
      for (const values of [logits, ...taps.values()]) rows.push(createHash('sha256').update(values).digest('hex'));
      best = logits.indexOf(Math.max(...logits));
    });
    next = Int32Array.of(best);
  }
  return rows;
}

describe.each([
  { name: 'tiny-qwen2', weights: 'mapped', threads: 2 },
  { name: 'tiny-qwen2', weights: 'mapped', threads: 2, precision: 'bf16' },
  { name: 'tiny-qwen2', weights: 'resident', threads: 2 },
  { name: 'tiny-qwen2', weights: 'streamed', threads: 2 },
  { name: 'golden-hf/quirk-headdim-f32', weights: 'mapped', threads: 1 },
  { name: 'golden-hf/quirk-tied-f16', weights: 'mapped', threads: 2 },
] as const)('sequences of $name together ($weights, $threads threads)', ({ name, ...options }) => {
  it('have the bits that each has alone', async () => {
    const alone = await reference(name, options);
    const prompts = promptsFor(alone);
    const expected: string[][] = [];
    for (const prompt of prompts) {
      await alone.truncate(0);
      expected.push(await rowsOf(alone, prompt));
    }
    const found = await Promise.all(prompts.map((prompt) => rowsOf(alone.sequence(), prompt)));
    for (const [i, rows] of found.entries()) expect(rows).toEqual(expected[i]);
  });
});

describe('a sequence beside others', () => {
  it('fails alone when its sink throws, or its tokens are none of the model', async () => {
    const source = await reference('tiny-qwen2', { weights: 'resident' });
    const [first, second, third] = [source, source.sequence(), source.sequence()];
    const ids = Int32Array.of(1, 2, 3);
    const outcomes = await Promise.allSettled([
      first.feed(ids, { rows: 'all' }, () => undefined),
      second.feed(ids, { rows: 'all' }, ({ position }) => {
        if (position === 1) throw new Error('full');
      }),
      third.feed(Int32Array.of(9999), { rows: 'all' }, () => undefined),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    await second.truncate(0);
    const again: number[] = [];
    await second.feed(ids, { rows: 'all' }, ({ position }) => void again.push(position));
    expect(again).toEqual([0, 1, 2]);
    expect(first.length).toBe(3);
  });
});

describe('rows of one product', () => {
  /** [N, K] of the fixtures' and of larger matrices, with numbers that are no powers of two; of a single row, too. */
  const SHAPES = [
    { n: 896, k: 896 },
    { n: 128, k: 896 },
    { n: 64, k: 1200 },
    { n: 37, k: 1000 },
    { n: 192, k: 2576 },
    { n: 1, k: 999 },
    { n: 2, k: 5001 },
    { n: 3, k: 5001 },
  ];

  it.each([1, 2, 3])('have equal bits for each number of rows, wherever they stand, %i threads', async (threads) => {
    for (const shape of SHAPES) {
      const products = await productsOf(shape, threads);
      const row = await products(1, 0);
      for (const rows of [2, 3, 7, 15, 16, 17, 64, 127, 128, 129, 250, 300]) {
        for (const place of [0, rows - 1]) {
          expect(await products(rows, place), `row ${place} of ${rows}, ${shape.n} x ${shape.k}`).toEqual(row);
        }
      }
    }
  });

  it('are what a sum over K in float64 gives, but for rounding', async () => {
    const { n, k } = { n: 37, k: 2576 };
    const { run, rows, weights } = await productGraph({ n, k }, 2);
    const found = await run(rows.subarray(0, 19 * k));
    for (const [i, value] of found.entries()) {
      const [row, column] = [Math.floor(i / n), i % n];
      let sum = 0;
      let magnitude = 0;
      for (let j = 0; j < k; j++) {
        const term = rows[row * k + j]! * weights[column * k + j]!;
        sum += term;
        magnitude += Math.abs(term);
      }
      // A sum of K terms in blocks of 1,024 rounds each term some 1,024 times at most, half a unit in the last place each.
      expect(Math.abs(value - sum)).toBeLessThanOrEqual(1024 * 2 ** -24 * magnitude);
    }
  });
});

interface ProductGraph {
  /** [300, K]. */
  readonly rows: Float32Array;
  /** [N, K]. */
  readonly weights: Float32Array;
  /** x [P, K] -> [P, N]. */
  readonly run: (x: Float32Array) => Promise<Float32Array>;
}

async function productGraph({ n, k }: { n: number; k: number }, threads: number): Promise<ProductGraph> {
  const builder = new GraphBuilder('product');
  const x = builder.input('x', 'FLOAT', ['B', ROWS_PER_BLOCK, k]);
  const weight = builder.input('weight', 'FLOAT', [n, k]);
  const product = FP32_OPERATORS.linearOfBlocks(builder, columnsOf(builder, x), [weight], undefined);
  builder.output('product', product, 'FLOAT', ['B', ROWS_PER_BLOCK, n]);
  const runner = await openRunner(builder.toBytes(), { dataFolder: '.', threads, weights: 'mapped' });
  const values = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => Math.sin(i * 12.9898) * 0.5);
  const [rows, weights] = [values(300 * k), values(n * k)];
  return {
    rows,
    weights,
    async run(part) {
      const count = part.length / k;
      const outputs = await runner.run({
        x: inBlocks(new Tensor('float32', part, [count, k])),
        weight: new Tensor('float32', weights, [n, k]),
      });
      return (outputs['product']!.data as Float32Array).subarray(0, count * n);
    },
  };
}

/** @returns the bits of the product of one row, which is put at a place among others. */
async function productsOf(
  shape: { n: number; k: number },
  threads: number,
): Promise<(rows: number, place: number) => Promise<string>> {
  const { rows: all, run } = await productGraph(shape, threads);
  const { n, k } = shape;
  const own = all.slice(299 * k);
  return async (rows, place) => {
    const x = all.slice(0, rows * k);
    x.set(own, place * k);
    const products = await run(x);
    return createHash('sha256')
      .update(products.subarray(place * n, (place + 1) * n))
      .digest('hex');
  };
}
