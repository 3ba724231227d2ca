// How many prompts run together and how the reference holds its weights: from plan and machine, and by which numbers.
import { describe, expect, it } from 'vitest';
import type { ModelConfig } from '../../src/checkpoint/config.ts';
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import { promptBytes, promptsTogether, referenceWeights } from './batch-plan.ts';

/** A checkpoint's tensors as the rule sees them: one matrix of so many gigabytes as float32. */
function ofGigabytes(gigabytes: number, kind: 'plain' | 'decoded' = 'plain', layers = 28): Checkpoint {
  const matrix = { kind, shape: [gigabytes * 1000, 250_000], dtype: 'BF16' };
  return { tensors: new Map([['w', matrix]]), config: { layers } } as unknown as Checkpoint;
}
const plan = { threads: 2, memoryBytes: 8e9, passes: 100 };

describe('weights of the reference', () => {
  it('stay in memory where they fit half of --memory and enough passes win back the opening', () => {
    expect(referenceWeights(ofGigabytes(2), plan)).toEqual({
      weights: 'resident',
      because: 'float32 takes 2.0 of at most 4.0 GB, and opening it is won back from 15 passes on; this run makes 100',
    });
    expect(referenceWeights(ofGigabytes(2), { ...plan, passes: 15 }).weights).toBe('resident');
  });

  it.each([
    ['so few passes', ofGigabytes(2), { ...plan, passes: 14 }, /from 15 passes on; this run makes 14$/],
    ['so little memory', ofGigabytes(5), plan, /^float32 takes 5\.0 of at most 4\.0 GB$/],
    ['so many threads', ofGigabytes(2, 'plain', 80), { ...plan, threads: 64 }, /^5166 threads .* at most 1024 may$/],
  ])('are widened at each pass for %s', (_, checkpoint, its, because) => {
    const held = referenceWeights(checkpoint, its);
    expect(held).toEqual({ weights: 'mapped', because: expect.stringMatching(because) });
  });

  it.each([
    ['small', ofGigabytes(0.5), 'resident'],
    ['decoded', ofGigabytes(2, 'decoded'), 'resident'],
    ['decoded and large', ofGigabytes(6, 'decoded'), 'streamed'],
  ] as const)('that are %s leave no choice, so nothing is said', (_, checkpoint, weights) => {
    expect(referenceWeights(checkpoint, plan)).toEqual({ weights });
  });
});

describe('prompts that run together', () => {
  /** Qwen2-7B: a prompt of 248 positions takes 119 MB on both sides. */
  const model = { layers: 28, keyValueHeads: 4, headDim: 128, vocabSize: 152_064 } as ModelConfig;
  const together = (memoryBytes: number | undefined, positions = 248): number =>
    promptsTogether([model, model], 1, positions, memoryBytes);
  const one = promptBytes([model, model], 1, 248);

  it('are as many as --memory holds keys and values of; 2 GiB hold those of 16 prompts of 7B', () => {
    expect(one).toBeCloseTo(118.6e6, -6);
    expect(together(3 * one)).toBe(3);
    expect(16 * one).toBeLessThan(2 * 2 ** 30);
  });

  it('are one where nothing has room, and 16 at most', () => {
    expect(together(1)).toBe(1);
    expect(together(2 ** 40)).toBe(16);
    expect(together(undefined, 100_000)).toBe(1);
  });

  it('take a quarter of a --memory that is larger than the machine', () => {
    const memory = 2 ** 50;
    const positions = 2 ** 28;
    expect(together(memory, positions)).toBe(Math.floor(memory / 4 / promptBytes([model, model], 1, positions)));
  });
});
