// The law of joint passes: no bit of a row depends on the rows that share its pass, whatever the weights, threads and precision.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { decodedCopy } from '../src/checkpoint/decoded-copy.fixture.ts';
import { openCheckpoint } from '../src/checkpoint/weights.ts';
import type { LogitsSource, TapName } from '../src/device/logits-source.ts';
import { fixturePath } from './golden-cases.fixture.ts';
import type { WeightMemory } from './graph/checkpoint-weights.ts';
import { rowsOfEqualBits } from './graph/equal-rows.ts';
import { FP32_OPERATORS } from './graph/fp32-operators.ts';
import { GraphBuilder } from './graph/graph-builder.ts';
import { Tensor } from './graph/onnx-runtime.ts';
import { openRunner } from './graph/session.ts';
import { paddedRows, rowCuts } from './joint-pass.ts';
import { createReference, type Reference } from './onnx-reference.ts';
import type { ReferenceOptions } from './reference-options.ts';

const TAPS: readonly TapName[] = ['embed_tokens.out', 'layers.1.self_attn.q_rotated', 'layers.1.mlp.out', 'norm.out'];
const NEW_TOKENS = 3;
/** Of several passes, one row, an odd number of rows, more than a slice has. */
const LENGTHS = [5, 1, 37, 130, 11, 2];

const open: Reference[] = [];
afterAll(async () => {
  for (const one of open) await one.close();
});

async function reference(
  name: string,
  options: Partial<ReferenceOptions> & { weights: WeightMemory },
): Promise<Reference> {
  const plain = openCheckpoint(fixturePath(name));
  const checkpoint = options.weights === 'streamed' ? decodedCopy(plain) : plain;
  const made = await createReference(checkpoint, { precision: 'fp32', taps: TAPS, chunk: 48, ...options });
  open.push(made);
  return made;
}

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
  /** [N, K] of the fixtures' and of larger matrices, with numbers that are no powers of two. */
  const SHAPES = [
    { n: 896, k: 896 },
    { n: 128, k: 896 },
    { n: 64, k: 1200 },
    { n: 37, k: 1000 },
    { n: 192, k: 576 },
    { n: 250, k: 999 },
  ];

  it.each([1, 2, 3])(
    'have equal bits for each number of rows that is said to give them, %i threads',
    async (threads) => {
      for (const shape of SHAPES) {
        const most = rowsOfEqualBits([shape], threads, 300);
        const products = await productsOf(shape, threads, most);
        const row = await products(2);
        for (const rows of [3, 4, 7, 12, 31, 64, 127, 128, 129, 250, 300].filter((count) => count <= most)) {
          expect(await products(rows), `${rows} rows of ${shape.n} x ${shape.k}`).toEqual(row);
        }
        // The bound is one: where it says less, the next row changes a bit.
        if (most < 300) expect(await products(most + 1)).not.toEqual(row);
      }
    },
  );

  it('are cut as equally as can be, none alone', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 700 }), fc.integer({ min: 2, max: 512 }), (rows, most) => {
        const padded = paddedRows(rows, 2, most);
        expect(padded - rows).toBeLessThanOrEqual(1);
        const lengths = rowCuts(padded, most).map(([first, end]) => end - first);
        expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(padded);
        for (const length of lengths) {
          expect(length).toBeGreaterThanOrEqual(2);
          expect(length).toBeLessThanOrEqual(most);
        }
      }),
    );
  });
});

/** @returns the bits of the first row of a product of so many rows. */
async function productsOf(
  { n, k }: { n: number; k: number },
  threads: number,
  most: number,
): Promise<(rows: number) => Promise<string>> {
  const builder = new GraphBuilder('product');
  const x = builder.input('x', 'FLOAT', ['P', k]);
  const weight = builder.input('weight', 'FLOAT', [n, k]);
  builder.output('product', FP32_OPERATORS.linear(builder, x, [weight]), 'FLOAT', ['P', n]);
  const runner = await openRunner(builder.toBytes(), { dataFolder: '.', threads, weights: 'mapped' });
  const values = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => Math.sin(i * 12.9898) * 0.5);
  const rows = values((most + 1) * k);
  const weights = new Tensor('float32', values(n * k), [n, k]);
  return async (count) => {
    const part = new Tensor('float32', rows.subarray(0, count * k), [count, k]);
    const { product } = await runner.run({ x: part, weight: weights });
    return createHash('sha256')
      .update((product!.data as Float32Array).subarray(0, n))
      .digest('hex');
  };
}
